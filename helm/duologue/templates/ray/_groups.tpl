{{/* The pods of Ray. */}}

{{/* Looked at by the agent that every Ray node has; Serve's proxies, at which KubeRay's own probe looks, are off. */}}
{{- define "duologue.rayProbes" -}}
startupProbe:
  httpGet: {path: /api/healthz, port: 52365}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /api/healthz, port: 52365}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
livenessProbe:
  httpGet: {path: /api/healthz, port: 52365}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{- define "duologue.rayEnvironment" -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: RAY_USAGE_STATS_ENABLED
  value: "0"
# By the head: a node that does not answer counts as dead after 11 s in place of a minute.
- name: RAY_health_check_period_ms
  value: "1000"
- name: RAY_health_check_timeout_ms
  value: "2000"
- name: RAY_health_check_failure_threshold
  value: "3"
# Serve's controller looks round less often: with its own tenth of a second it is never idle.
- name: RAY_SERVE_CONTROL_LOOP_INTERVAL_S
  value: "0.5"
{{- if .Values.ray.cacheClaim }}
- name: DUOLOGUE_CACHE
  value: /var/cache/duologue
{{- end }}
{{ include "duologue.storeEnvironment" . }}
{{ include "duologue.folderEnvironment" . }}
{{- end }}

{{- define "duologue.rayMounts" -}}
{{ include "duologue.folderMounts" . }}
{{- include "duologue.storeMount" . }}
{{- if .Values.ray.cacheClaim }}
- name: cache
  mountPath: /var/cache/duologue
{{- end }}
- name: ray-logs
  mountPath: /tmp/ray
- name: shared-mem
  mountPath: /dev/shm
{{- end }}

{{- define "duologue.rayFolders" -}}
{{ include "duologue.folders" . }}
{{- include "duologue.storeVolume" . }}
{{- with .Values.ray.cacheClaim }}
- name: cache
  persistentVolumeClaim:
    claimName: {{ . }}
{{- end }}
# The names that KubeRay looks for; hardly anything of ours goes through the object store.
- name: ray-logs
  emptyDir:
    sizeLimit: 5Gi
- name: shared-mem
  emptyDir:
    medium: Memory
    sizeLimit: 256Mi
{{- end }}

{{- define "duologue.rayAnnotations" -}}
{{- with .Values.pods.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A group of workers: a dictionary with root, name, component, image, resources, place, start, replicas, ports, and of a model its name and claim. */}}
{{- define "duologue.rayGroup" -}}
{{- $root := .root -}}
{{- $drain := include "duologue.rayDrain" $root | int64 -}}
groupName: {{ .name }}
replicas: {{ .replicas.min }}
minReplicas: {{ .replicas.min }}
maxReplicas: {{ .replicas.max }}
rayStartParams:
  object-store-memory: "104857600"
  {{- range $name, $value := .start }}
  {{ $name }}: {{ $value | quote }}
  {{- end }}
template:
  metadata:
    labels: {{- include "duologue.podLabels" (list $root .component) | nindent 6 }}
    {{- include "duologue.rayAnnotations" $root | nindent 4 }}
  spec:
    {{- include "duologue.pod" (list $root .place.nodeSelector .place.tolerations (add $drain 30)) | nindent 4 }}
    automountServiceAccountToken: false
    # KubeRay labels pods by cluster and group: two clusters, or two models, do not count together.
    {{- include "duologue.spread" (list $root .component (list "ray.io/cluster" "ray.io/group")) | nindent 4 }}
    containers:
      - name: ray-worker
        image: {{ include "duologue.image" (list $root .image) }}
        imagePullPolicy: {{ $root.Values.image.pullPolicy }}
        securityContext: {{- include "duologue.containerSecurity" $root | nindent 10 }}
        env: {{- include "duologue.rayEnvironment" $root | nindent 10 }}
        ports:
          - name: metrics
            containerPort: 8080
          {{- range $name, $port := .ports }}
          - name: {{ $name }}
            containerPort: {{ $port }}
          {{- end }}
        {{- include "duologue.rayProbes" $root | nindent 8 }}
        lifecycle:
          preStop:
            exec:
              # By a shell: Kubernetes puts no variables into commands of hooks.
              command:
                - sh
                - -c
                - exec duologue drain --host "$POD_IP" --within-s {{ $drain }}
        resources: {{- toYaml .resources | nindent 10 }}
        volumeMounts:
          {{- include "duologue.rayMounts" $root | nindent 10 }}
          {{- include "duologue.clusterMount" $root | nindent 10 }}
          {{- if .claim }}
          - name: models
            mountPath: /models/{{ .model }}
            readOnly: true
          {{- end }}
    volumes:
      {{- include "duologue.rayFolders" $root | nindent 6 }}
      {{- include "duologue.clusterVolume" $root | nindent 6 }}
      {{- with .claim }}
      - name: models
        persistentVolumeClaim:
          claimName: {{ . }}
          readOnly: true
      {{- end }}
{{- end }}

{{/* {"cpu": "4"} with a GPU: (list $ model). */}}
{{- define "duologue.modelLimits" -}}
{{- $root := index . 0 -}}{{- $model := index . 1 -}}
{{- $resources := include "duologue.modelPodResources" . | fromJson -}}
{{- if $model.gpu -}}
{{- $gpu := dict $root.Values.ray.batching.gpuResource 1 -}}
{{- $resources = dict "requests" (merge (dict) ($resources.requests | default dict) $gpu) "limits" (merge (dict) ($resources.limits | default dict) $gpu) -}}
{{- end -}}
{{- toJson $resources -}}
{{- end }}
