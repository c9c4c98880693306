-- Make or change a tenant. KEYS: tenants, key_names. ARGV: tenant_id, its limits, max_tenants.
local is_new = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0
if is_new and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return {'full'} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return {'ok', redis.call('HGET', KEYS[2], ARGV[1]) or ''}
