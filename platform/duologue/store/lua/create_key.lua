-- Keep an API key's digest. A repeat is taken as done.
-- KEYS: tenants, keys, key_names. ARGV: now, tenant_id, key_id, digest, max_keys, and of a key that
--   does not go as far as its tenant: in how many ms it expires (0: never), its scopes.
-- Returns ok, and when it expires (0: never). Keys of the tenant that have expired are forgotten.
local now, tenant_id, key_id = time_ms(ARGV[1]), ARGV[2], ARGV[3]
if redis.call('HEXISTS', KEYS[1], tenant_id) == 0 then return {'unknown'} end
local function expiry_of(value) return string.match(value, '^%S+ %S+ (%d+)') or '0' end
local value, kept = tenant_id .. ' ' .. ARGV[4], redis.call('HGET', KEYS[2], key_id)
if kept and string.sub(kept .. ' ', 1, #value + 1) == value .. ' ' then
  return {'ok', expiry_of(kept)}
end
local names = {}
for name in string.gmatch(redis.call('HGET', KEYS[3], tenant_id) or '', '%S+') do
  local until_ms = tonumber(expiry_of(redis.call('HGET', KEYS[2], name) or ''))
  if until_ms > 0 and until_ms <= now then
    redis.call('HDEL', KEYS[2], name)
  else
    names[#names + 1] = name
  end
end
if #names >= tonumber(ARGV[5]) then return {'full'} end
if ARGV[7] ~= '' then
  local until_ms = ARGV[6] == '0' and 0 or now + ARGV[6]
  value = string.format('%s %d %s', value, until_ms, ARGV[7])
end
names[#names + 1] = key_id
redis.call('HSET', KEYS[2], key_id, value)
redis.call('HSET', KEYS[3], tenant_id, table.concat(names, ' '))
return {'ok', expiry_of(value)}
