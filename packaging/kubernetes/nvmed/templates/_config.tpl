{{/* nvmed.toml. JSON's texts and lists of texts are TOML's. */}}
{{- define "nvmed.config" -}}
# Made by the chart {{ .Chart.Name }}: docs/configure.md describes every field.
state_dir = "/var/lib/nvmed"
log_level = {{ .Values.logLevel | toJson }}

[host]
sysfs_root = "/host/sys"
{{- if eq .Values.devices.access "privileged" }}
dev_root = "/host/dev"
{{- end }}

[audit]
journald = false

# Probes, and whoever may exec into the pod or is root on the node.
[[listen.unix]]
path = "/run/nvmed/admin.sock"
mode = "0600"
principal = "admin"
roles = ["admin"]

[[listen.tls]]
{{- template "nvmed.listener" (dict "address" .Values.listen.address "port" .Values.listen.port) }}
{{- if .Values.metrics.enabled }}

[[metrics.tls]]
{{- template "nvmed.listener" (dict "address" .Values.listen.address "port" .Values.metrics.port) }}
{{- end }}

[policy]
blocked = {{ .Values.policy.blocked | toJson }}
{{- range $name, $role := .Values.policy.roles }}

[policy.roles.{{ $name }}]
permissions = {{ $role.permissions | toJson }}
{{- end }}
{{- range (include "nvmed.clients" . | fromJson).clients }}
{{- template "nvmed.binding" (dict "principals" (list (printf "uri:%s" .uri)) "roles" .roles "resources" .resources) }}
{{- end }}
{{- range .Values.policy.bindings }}
{{- template "nvmed.binding" . }}
{{- end }}
{{- with .Values.extraConfig }}

{{ . | trim }}
{{- end }}
{{- end }}

{{- define "nvmed.listener" }}
address = {{ printf "%s:%d" (contains ":" .address | ternary (printf "[%s]" .address) .address) (int .port) | toJson }}
certificate = "/etc/nvmed/tls.crt"
key = "/etc/nvmed/tls.key"
client_ca = "/etc/nvmed/ca.crt"
{{- end }}

{{- define "nvmed.binding" }}

[[policy.bindings]]
principals = {{ .principals | toJson }}
roles = {{ .roles | toJson }}
{{- with .resources }}
resources = {{ . | toJson }}
{{- end }}
{{- end }}
