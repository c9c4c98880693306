-- Whose a key is. KEYS: tenants, keys, key_names, generations. ARGV: key_id.
-- Returns its digest, the tenant's name, its limits, the names of its keys, its name's
-- generation, and when the key expires with its scopes ('' where nothing is said of that).
local value = redis.call('HGET', KEYS[2], ARGV[1])
if not value then return {} end
local tenant_id, digest, terms = string.match(value, '^(%S+) (%S+) ?(.*)$')
return {digest, tenant_id, redis.call('HGET', KEYS[1], tenant_id),
  redis.call('HGET', KEYS[3], tenant_id), redis.call('HGET', KEYS[4], tenant_id) or '0', terms}
