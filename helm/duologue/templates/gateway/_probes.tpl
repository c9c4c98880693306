{{/* Of gRPC's health service: (list $ service). Kubernetes' own gRPC probe speaks no TLS. */}}
{{- define "duologue.probe" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.gateway.tls.existingSecret -}}
exec:
  command:
    - duologue
    - health
    - 127.0.0.1:50051
    - --service
    - {{ index . 1 | quote }}
    - --tls-ca
    - {{ include "duologue.gatewayAuthority" $root }}
    - --tls-name
    - {{ include "duologue.gatewayServerName" $root }}
timeoutSeconds: 5
{{- else -}}
grpc:
  port: 50051
  service: {{ index . 1 | quote }}
timeoutSeconds: 2
{{- end }}
{{- end }}

{{/* The name by which probes and tests call a gateway with TLS. */}}
{{- define "duologue.gatewayServerName" -}}
{{- .Values.gateway.tls.serverName | default (printf "%s-gateway" (include "duologue.fullname" .)) -}}
{{- end }}

{{- define "duologue.gatewayAuthority" -}}
{{- with .Values.gateway.tls.caKey -}}/etc/duologue/tls/{{ . }}{{- else -}}system{{- end -}}
{{- end }}
