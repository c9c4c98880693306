-- Keep an API key's digest. A repeat is taken as done.
-- KEYS: tenants, keys, key_names. ARGV: tenant_id, key_id, digest, max_keys.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return {'unknown'} end
local value = ARGV[1] .. ' ' .. ARGV[3]
if redis.call('HGET', KEYS[2], ARGV[2]) == value then return {'ok'} end
local names, count = redis.call('HGET', KEYS[3], ARGV[1]) or '', 0
for _ in string.gmatch(names, '%S+') do count = count + 1 end
if count >= tonumber(ARGV[4]) then return {'full'} end
redis.call('HSET', KEYS[2], ARGV[2], value)
redis.call('HSET', KEYS[3], ARGV[1], names == '' and ARGV[2] or names .. ' ' .. ARGV[2])
return {'ok'}
