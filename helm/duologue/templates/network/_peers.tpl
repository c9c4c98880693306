{{/* Peers and rules that several policies share. */}}

{{- define "duologue.component" -}}
podSelector:
  matchLabels:
    {{- include "duologue.selector" (index . 0) | nindent 4 }}
    app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "duologue.rayPods" -}}
podSelector:
  matchLabels: {{- include "duologue.selector" . | nindent 4 }}
  matchExpressions:
    - key: app.kubernetes.io/component
      operator: In
      values: [head, session, batching]
{{- end }}

{{- define "duologue.storeEgress" -}}
{{- if not .Values.store.existingSecret }}
- to:
    - {{- include "duologue.component" (list . "valkey") | nindent 6 }}
  ports:
    - port: 6379
{{- else }}
- {{- with .Values.networkPolicy.store }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    {{- range .Values.networkPolicy.storePorts }}
    - port: {{ . }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "duologue.collectorEgress" -}}
{{- with .Values.settings.telemetry }}
{{- if .otlp_endpoint }}
- {{- with $.Values.networkPolicy.collector }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - port: {{ $.Values.networkPolicy.collectorPort }}
{{- end }}
{{- end }}
{{- end }}

{{- /* To the keys of an identity provider, where they are fetched. */}}
{{- define "duologue.issuerEgress" -}}
{{- with .Values.settings.jwt }}
{{- if contains "://" (.jwks | default "") }}
- {{- with $.Values.networkPolicy.issuer }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - port: {{ $.Values.networkPolicy.issuerPort }}
{{- end }}
{{- end }}
{{- end }}
