-- Remove a tenant with its keys; another one of its name will have nothing of it.
-- KEYS: tenants, keys, key_names, generations. ARGV: tenant_id.
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return {'unknown'} end
local names = redis.call('HGET', KEYS[3], ARGV[1]) or ''
for name in string.gmatch(names, '%S+') do redis.call('HDEL', KEYS[2], name) end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HINCRBY', KEYS[4], ARGV[1], 1)
return {'ok'}
