{{/* What Prometheus selects its objects by. */}}

{{- define "duologue.monitorLabels" -}}
{{ include "duologue.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}
