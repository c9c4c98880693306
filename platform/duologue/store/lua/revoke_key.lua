-- Forget an API key. KEYS: tenants, keys, key_names. ARGV: key_id.
local value = redis.call('HGET', KEYS[2], ARGV[1])
if not value then return {'unknown'} end
local tenant_id, left = string.match(value, '^%S+'), {}
for name in string.gmatch(redis.call('HGET', KEYS[3], tenant_id) or '', '%S+') do
  if name ~= ARGV[1] then left[#left + 1] = name end
end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], tenant_id, table.concat(left, ' '))
return {'ok'}
