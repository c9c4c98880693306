-- Make or change a tenant. KEYS: tenants, key_names. ARGV: tenant_id, its limits, max_tenants,
--   '1' to leave one that is there as it is. Returns ok, the names of its keys, its limits.
local is_new = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0
if is_new and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then return {'full'} end
if is_new or ARGV[4] ~= '1' then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
return {'ok', redis.call('HGET', KEYS[2], ARGV[1]) or '', redis.call('HGET', KEYS[1], ARGV[1])}
