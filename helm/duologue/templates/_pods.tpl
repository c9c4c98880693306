{{/* What every pod has: (list $ nodeSelector tolerations grace). */}}
{{- define "duologue.pod" -}}
{{- $root := index . 0 -}}
{{- $pods := $root.Values.pods -}}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ index . 3 }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $pods.runAsUser }}
  runAsGroup: {{ $pods.runAsUser }}
  fsGroup: {{ $pods.runAsUser }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with merge (dict) (index . 1) $pods.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat (index . 2) $pods.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $pods.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}

{{/* One zone or node that is lost takes as few of them as it can: (list $ component labels-that-tell-them-apart). */}}
{{- define "duologue.spread" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}{{- $keys := index . 2 -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    matchLabelKeys: {{- toYaml $keys | nindent 6 }}
    labelSelector:
      matchLabels:
        {{- include "duologue.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $component }}
  {{- end }}
{{- end }}

{{- define "duologue.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Where the store is, by secret. */}}
{{- define "duologue.storeEnvironment" -}}
{{- if .Values.store.existingSecret -}}
- name: DUOLOGUE_STORE__URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.store.existingSecret }}
      key: {{ .Values.store.key }}
{{- else -}}
- name: VALKEY_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "duologue.valkeySecret" . }}
      key: {{ .Values.store.valkey.key }}
- name: DUOLOGUE_STORE__URL
  value: redis://:$(VALKEY_PASSWORD)@{{ include "duologue.fullname" . }}-valkey:6379/0
{{- end }}
{{- end }}

{{/* The certificates that the store's URL names. */}}
{{- define "duologue.storeMount" -}}
{{- if .Values.store.tlsSecret }}
- name: store-tls
  mountPath: /etc/duologue/store
  readOnly: true
{{- end }}
{{- end }}

{{- define "duologue.storeVolume" -}}
{{- with .Values.store.tlsSecret }}
- name: store-tls
  secret:
    secretName: {{ . }}
    # For the group of the pod alone.
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "duologue.valkeySecret" -}}
{{- .Values.store.valkey.existingSecret | default (printf "%s-valkey" (include "duologue.fullname" .)) -}}
{{- end }}

{{/* The certificates by which processes know each other. */}}
{{- define "duologue.clusterMount" -}}
{{- if .Values.cluster.tls.existingSecret }}
- name: cluster-tls
  mountPath: /etc/duologue/cluster
  readOnly: true
{{- end }}
{{- end }}

{{- define "duologue.clusterVolume" -}}
{{- with .Values.cluster.tls.existingSecret }}
- name: cluster-tls
  secret:
    secretName: {{ . }}
    # For the group of the pod alone.
    defaultMode: 0440
{{- end }}
{{- end }}

{{/* The folders that a process of ours writes to. */}}
{{- define "duologue.folderEnvironment" -}}
- name: HOME
  value: /tmp
- name: DUOLOGUE_TELEMETRY__TRACE_DIR
  value: /tmp/duologue/traces
{{- end }}

{{- define "duologue.folderMounts" -}}
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "duologue.folders" -}}
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
{{- end }}
