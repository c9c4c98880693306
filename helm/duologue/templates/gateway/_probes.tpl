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
    {{- if $root.Values.gateway.tls.clientCaSecret }}
    - --tls-certificate
    - /etc/duologue/tls-client/tls.crt
    - --tls-key
    - /etc/duologue/tls-client/tls.key
    {{- end }}
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

{{/* What probes and tests show to a gateway that asks for a certificate. */}}
{{- define "duologue.tlsClientVolume" -}}
{{- if .Values.gateway.tls.clientCaSecret }}
- name: tls-client
  secret:
    secretName: {{ .Values.gateway.tls.clientSecret }}
    defaultMode: 0440
{{- end }}
{{- end }}
