{{/* The specification of the Ray cluster. */}}
{{- define "duologue.rayCluster" -}}
{{- $root := . -}}
{{- $ray := .Values.ray -}}
{{- $scales := include "duologue.scales" . -}}
{{- $drain := include "duologue.rayDrain" . | int64 -}}
rayVersion: {{ $ray.version | quote }}
authOptions:
  mode: token
  {{- with $ray.authSecret }}
  secretName: {{ . }}
  {{- end }}
{{- if $ray.tls }}
tlsOptions:
  enabled: true
{{- end }}
{{- if $scales }}
enableInTreeAutoscaling: true
autoscalerOptions:
  version: v2
  idleTimeoutSeconds: 300
  resources:
    requests: {cpu: 500m, memory: 512Mi}
    limits: {cpu: 500m, memory: 512Mi}
  securityContext: {{- include "duologue.containerSecurity" . | nindent 4 }}
{{- end }}
{{- with $ray.faultTolerance }}
{{- if .redis }}
gcsFaultToleranceOptions:
  {{- if eq .redis "bundled" }}
  redisAddress: {{ include "duologue.fullname" $root }}-valkey:6379
  redisPassword:
    valueFrom:
      secretKeyRef:
        name: {{ include "duologue.valkeySecret" $root }}
        key: {{ $root.Values.store.valkey.key }}
  {{- else }}
  redisAddress: {{ .redis | quote }}
  {{- if .existingSecret }}
  redisPassword:
    valueFrom:
      secretKeyRef:
        name: {{ .existingSecret }}
        key: {{ .key }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}
headGroupSpec:
  rayStartParams:
    # No actor of ours runs there.
    num-cpus: "0"
    num-gpus: "0"
    dashboard-host: 0.0.0.0
    object-store-memory: "104857600"
  template:
    metadata:
      labels: {{- include "duologue.podLabels" (list . "head") | nindent 8 }}
      {{- include "duologue.rayAnnotations" . | nindent 6 }}
    spec:
      {{- include "duologue.pod" (list . dict list (add $drain 35)) | nindent 6 }}
      {{- if not $scales }}
      automountServiceAccountToken: false
      {{- end }}
      containers:
        - name: ray-head
          image: {{ include "duologue.image" (list . .Values.image.ray) }}
          imagePullPolicy: {{ .Values.image.pullPolicy }}
          securityContext: {{- include "duologue.containerSecurity" . | nindent 12 }}
          env: {{- include "duologue.rayEnvironment" . | nindent 12 }}
          ports:
            - name: gcs-server
              containerPort: 6379
            - name: dashboard
              containerPort: 8265
            - name: metrics
              containerPort: 8080
            # Nothing listens there: without a port of that name KubeRay makes no service, and is never done.
            - name: serve
              containerPort: 8000
          {{- include "duologue.rayProbes" . | nindent 10 }}
          lifecycle:
            preStop:
              # When a whole cluster goes, its sessions move first: without a head they would end in the midst of it.
              sleep:
                seconds: {{ add $drain 5 }}
          resources: {{- toYaml $ray.head.resources | nindent 12 }}
          volumeMounts: {{- include "duologue.rayMounts" . | nindent 12 }}
      volumes: {{- include "duologue.rayFolders" . | nindent 8 }}
# A group at the end can be added to a running cluster; so models come last, in their order.
workerGroupSpecs:
  {{- $session := dict "root" . "name" "session" "component" "session" "image" .Values.image.ray }}
  {{- $_ := set $session "resources" $ray.session.resources }}
  {{- $_ := set $session "place" $ray.session }}
  {{- $_ := set $session "replicas" (dict "min" $ray.session.replicas "max" $ray.session.replicas) }}
  {{- $_ := set $session "start" (dict "num-gpus" "0" "resources" "\"{\\\"duologue_node\\\": 1}\"") }}
  - {{- include "duologue.rayGroup" $session | nindent 4 }}
  {{- range $model := include "duologue.models" . | fromJsonArray }}
  {{- $group := dict "root" $root "name" (printf "batching-%s" $model.name) "component" "batching" "model" $model.name "claim" $model.claim }}
  {{- $_ := set $group "image" (ternary $root.Values.image.rayCuda $root.Values.image.ray $model.gpu) }}
  {{- $_ := set $group "resources" (include "duologue.modelLimits" (list $root $model) | fromJson) }}
  {{- $_ := set $group "place" $ray.batching }}
  {{- $_ := set $group "replicas" (include "duologue.modelPods" (list $root $model) | fromJson) }}
  {{- $offers := printf "\"{\\\"duologue_device\\\": 1, \\\"%s\\\": 1}\"" (include "duologue.modelResource" $model) }}
  {{- $_ := set $group "start" (dict "num-gpus" (ternary "1" "0" $model.gpu) "resources" $offers) }}
  {{- $_ := set $group "ports" (dict "batching" 9465) }}
  - {{- include "duologue.rayGroup" $group | nindent 4 }}
  {{- end }}
{{- end }}
