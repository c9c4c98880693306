{{/* The program's settings. */}}

{{/* A value as an environment variable holds it: lists as JSON, nothing as "none". */}}
{{- define "duologue.text" -}}
{{- if kindIs "invalid" . -}}
none
{{- else if kindIs "string" . -}}
{{- . -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end }}

{{/* Seconds from a setting in milliseconds, rounded up: (list $ section name default). */}}
{{- define "duologue.seconds" -}}
{{- $section := get (index . 0).Values.settings (index . 1) | default dict -}}
{{- $ms := index . 3 -}}
{{- if hasKey $section (index . 2) -}}{{- $ms = get $section (index . 2) -}}{{- end -}}
{{- div (add (int64 $ms) 999) 1000 -}}
{{- end }}

{{/* How long a gateway's conversations may go on, and a Ray pod's sessions may take to move. */}}
{{- define "duologue.gatewayDrain" -}}{{ include "duologue.seconds" (list . "gateway" "drain_ms" 30000) }}{{- end }}
{{- define "duologue.rayDrain" -}}{{ add 15 (include "duologue.seconds" (list . "batching" "drain_ms" 30000) | int64) }}{{- end }}

{{/* `settings` with a model's on top: (list $ model without), as {"section.name": value}, in JSON. */}}
{{- define "duologue.flatSettings" -}}
{{- $flat := dict -}}
{{- $model := index . 1 -}}
{{- range $sections := list (index . 0).Values.settings $model.settings -}}
{{- range $section, $entries := $sections -}}
{{- range $name, $value := $entries -}}
{{- $_ := set $flat (printf "%s.%s" $section $name) $value -}}
{{- end -}}{{- end -}}{{- end -}}
{{- $_ := set $flat "model.name" $model.name -}}
{{- if and $model.claim (not (hasKey $flat "model.source")) -}}
{{- $_ := set $flat "model.source" (printf "/models/%s" $model.name) -}}
{{- end -}}
{{- range $section := index . 2 -}}
{{- range $name, $_ := $flat -}}
{{- if hasPrefix (printf "%s." $section) $name -}}{{- $_ := unset $flat $name -}}{{- end -}}
{{- end -}}{{- end -}}
{{- toJson $flat -}}
{{- end }}

{{/* The whole cores of a pod: (resources). */}}
{{- define "duologue.cores" -}}
{{- $cpu := toString (dig "limits" "cpu" (dig "requests" "cpu" 1 .) .) -}}
{{- if hasSuffix "m" $cpu -}}{{- div (trimSuffix "m" $cpu | int64) 1000 -}}{{- else -}}{{- floor (float64 $cpu) | int64 -}}{{- end -}}
{{- end }}

{{/* The models with everything that they may leave out, in JSON. */}}
{{- define "duologue.models" -}}
{{- $models := list -}}
{{- range .Values.models -}}
{{- $defaults := dict "settings" dict "gpu" false "claim" "" "resources" dict "replicas" (dict "min" 1) -}}
{{- $model := mergeOverwrite $defaults (deepCopy .) -}}
{{- if not (hasKey $model.replicas "max") -}}{{- $_ := set $model.replicas "max" $model.replicas.min -}}{{- end -}}
{{- $models = append $models $model -}}
{{- end -}}
{{- toJson $models -}}
{{- end }}

{{/* Ray's resource that a model's pods have and its batching actors take: (model). */}}
{{- define "duologue.modelResource" -}}duologue_model_{{ .name | replace "-" "_" | replace "." "_" }}{{- end }}

{{- define "duologue.modelPodResources" -}}
{{- $root := index . 0 -}}{{- $model := index . 1 -}}
{{- toJson ($model.resources | default $root.Values.ray.batching.resources) -}}
{{- end }}

{{/*
How many more batching actors there may be while they are replaced, in percent: (list $ model). As
many pods stand ready for them. None where the number is fixed: it would take idle devices.
*/}}
{{- define "duologue.surge" -}}
{{- $flat := include "duologue.flatSettings" (list (index . 0) (index . 1) list) | fromJson -}}
{{- $replicas := (index . 1).replicas -}}
{{- if hasKey $flat "batching.surge_percent" -}}{{- get $flat "batching.surge_percent" -}}
{{- else if gt (int64 $replicas.max) (int64 $replicas.min) -}}25
{{- else -}}0{{- end -}}
{{- end }}

{{/* The pods of a model, in JSON: (list $ model). */}}
{{- define "duologue.modelPods" -}}
{{- $replicas := (index . 1).replicas -}}
{{- $surge := include "duologue.surge" . | int64 -}}
{{- $max := add $replicas.max (div (add (mul $replicas.max $surge) 99) 100) -}}
{{- $min := ternary (int64 $replicas.min) $max (eq (include "duologue.scales" (index . 0)) "yes") -}}
{{- dict "min" $min "max" $max | toJson -}}
{{- end }}

{{/* What the processes know each other by, as {"section.name": value}, in JSON; nothing without TLS. */}}
{{- define "duologue.clusterSettings" -}}
{{- $flat := dict -}}
{{- with .Values.cluster.tls -}}{{- if .existingSecret -}}
{{- $_ := set $flat "cluster.certificate" "/etc/duologue/cluster/tls.crt" -}}
{{- $_ := set $flat "cluster.key" "/etc/duologue/cluster/tls.key" -}}
{{- $_ := set $flat "cluster.ca" "/etc/duologue/cluster/ca.crt" -}}
{{- $_ := set $flat "cluster.name" .name -}}
{{- if .metricsName -}}{{- $_ := set $flat "cluster.metrics_name" .metricsName -}}{{- end -}}
{{- end -}}{{- end -}}
{{- toJson $flat -}}
{{- end }}

{{/* What is deployed on Ray: the document that `duologue config serve` writes. */}}
{{- define "duologue.serveConfig" -}}
{{- $root := . -}}
{{- $models := include "duologue.models" . | fromJsonArray -}}
proxy_location: Disabled
applications:
  {{- range $model := $models }}
  {{- $flat := include "duologue.flatSettings" (list $root $model (list "gateway" "jwt")) | fromJson }}
  {{- $flat = merge $flat (include "duologue.clusterSettings" $root | fromJson) }}
  {{- $_ := set $flat "batching.num_batchers" $model.replicas.min }}
  {{- if gt (int64 $model.replicas.max) (int64 $model.replicas.min) }}
  {{- $_ := set $flat "batching.max_batchers" $model.replicas.max }}
  {{- end }}
  {{- $_ := set $flat "batching.surge_percent" (include "duologue.surge" (list $root $model) | int64) }}
  {{- $_ := set $flat "batching.metrics_port" 9465 }}
  {{- if not (or $model.gpu (hasKey $flat "batching.threads")) }}
  {{- $cores := include "duologue.cores" (include "duologue.modelPodResources" (list $root $model) | fromJson) | int64 }}
  {{- $_ := set $flat "batching.threads" (max 1 (sub $cores 1)) }}
  {{- end }}
  - name: model-{{ $model.name }}
    import_path: duologue.actors.serving:app
    route_prefix: null
    args:
      settings: {{- $flat | toYaml | nindent 8 }}
      {{- if $model.gpu }}
      num_gpus: 1
      {{- end }}
      resources:
        duologue_device: 1
        {{ include "duologue.modelResource" $model }}: 1
  {{- end }}
  - name: nodes
    import_path: duologue.actors.serving:nodes
    route_prefix: null
    args:
      settings: {{- merge (include "duologue.flatSettings" (list $root (first $models) (list "gateway" "jwt" "batching")) | fromJson) (include "duologue.clusterSettings" $root | fromJson) | toYaml | nindent 8 }}
      resource: duologue_node
{{- end }}

{{/* Whether Ray asks for pods by itself. */}}
{{- define "duologue.scales" -}}
{{- $scales := "" -}}
{{- range include "duologue.models" . | fromJsonArray }}{{- if gt (int64 .replicas.max) (int64 .replicas.min) }}{{- $scales = "yes" }}{{- end }}{{- end }}
{{- $scales -}}
{{- end }}

{{/* What the schema cannot say. */}}
{{- define "duologue.check" -}}
{{- $names := dict -}}
{{- range include "duologue.models" . | fromJsonArray -}}
{{- if hasKey $names (include "duologue.modelResource" .) -}}{{- fail (printf "models: there are two of the name %s" .name) -}}{{- end -}}
{{- $_ := set $names (include "duologue.modelResource" .) true -}}
{{- if lt (int64 .replicas.max) (int64 .replicas.min) -}}{{- fail (printf "models: replicas.max of %s must not be below replicas.min" .name) -}}{{- end -}}
{{- end -}}
{{- if and .Values.store.tlsSecret (not .Values.store.existingSecret) -}}
{{- fail "store.tlsSecret needs store.existingSecret, whose URL names its files" -}}
{{- end -}}
{{- if and (dig "gateway" "playground" false .Values.settings) (not .Values.gateway.openai.enabled) -}}
{{- fail "settings.gateway.playground needs gateway.openai.enabled, whose port serves the page" -}}
{{- end -}}
{{- $openai := .Values.gateway.openai -}}
{{- range $way := list "ingress" "route" -}}
{{- if and (get $openai $way).enabled (not $openai.enabled) -}}
{{- fail (printf "gateway.openai.%s needs gateway.openai.enabled" $way) -}}
{{- end -}}
{{- end -}}
{{- with .Values.gateway.ingress -}}
{{- if and .enabled $openai.ingress.enabled (eq .host $openai.ingress.host) -}}
{{- fail "gateway.openai.ingress.host must be a host of its own: gRPC is at that of gateway.ingress" -}}
{{- end -}}
{{- end -}}
{{- with .Values.gateway.autoscaling -}}
{{- if lt (int64 .max) (int64 .min) -}}{{- fail "gateway.autoscaling.max must not be below gateway.autoscaling.min" -}}{{- end -}}
{{- end -}}
{{- with .Values.gateway.tls -}}
{{- if and .clientCaSecret (not (and .existingSecret .clientSecret)) -}}
{{- fail "gateway.tls.clientCaSecret needs existingSecret, and clientSecret for probes" -}}
{{- end -}}
{{- end -}}
{{- with .Values.cluster.tls -}}
{{- if ne (empty .metricsName) (empty .metricsSecret) -}}{{- fail "cluster.tls.metricsName and cluster.tls.metricsSecret belong together" -}}{{- end -}}
{{- if and .metricsName (not .existingSecret) -}}{{- fail "cluster.tls.metricsName needs existingSecret" -}}{{- end -}}
{{- if and .existingSecret $.Values.monitoring.monitors (not .metricsSecret) -}}
{{- fail "monitoring.monitors: with cluster.tls.existingSecret, Prometheus needs cluster.tls.metricsName and metricsSecret" -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.ray.faultTolerance.redis "bundled") .Values.store.existingSecret -}}
{{- fail "ray.faultTolerance.redis: there is no bundled Valkey when store.existingSecret is set; give host:port" -}}
{{- end -}}
{{- end }}
