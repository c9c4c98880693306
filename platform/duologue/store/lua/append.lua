-- Add an entry to a session's journal, edit its transcript, set its usage, renew its lease.
-- KEYS: a session's. ARGV: now, epoch, lease_ms, ttl_ms, listing_ms, max_entries, max_bytes,
--   max_said, number, entry, four counts of usage ('' leaves it), keep ('' leaves the transcript),
--   then the transcript's entries behind those kept.
-- Returns as renew_lease does. A repeat of the last entry is taken as done.
local now, number, entry = time_ms(ARGV[1]), tonumber(ARGV[9]), ARGV[10]
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'claim', 'listed_ms', 'entries', 'journal_bytes',
  'forgotten')
if not meta[1] then return {'unknown'} end
if meta[1] ~= ARGV[2] or not meta[2] then return {'stale', meta[1]} end

local entries, bytes = tonumber(meta[4]), tonumber(meta[5])
local is_repeat = number == entries and redis.call('LINDEX', KEYS[2], -1) == entry
if not is_repeat and number ~= entries + 1 then return {'gap', entries} end
local fields = {'lease_until_ms', now + ARGV[3], 'active_ms', now}
local is_due = now >= meta[3] + ARGV[5]

if not is_repeat then
  if bytes + #entry > tonumber(ARGV[7]) then return {'full', bytes} end
  if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[6]) then return {'full', bytes} end
  local length = redis.call('RPUSH', KEYS[2], entry)
  if length == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
  fields[5], fields[6] = 'entries', number
  fields[7], fields[8] = 'journal_bytes', bytes + #entry
  if ARGV[11] ~= '' then
    for index, name in ipairs(USAGE) do
      fields[#fields + 1] = name
      fields[#fields + 1] = ARGV[10 + index]
    end
  end
  if ARGV[15] ~= '' then
    -- The list holds the entries behind the first `forgotten`, of which nobody wants to know.
    local forgotten, keep = tonumber(meta[6]), tonumber(ARGV[15])
    if keep <= forgotten then
      redis.call('DEL', KEYS[4])
      forgotten = keep
    else
      redis.call('LTRIM', KEYS[4], 0, keep - forgotten - 1)
    end
    if #ARGV > 15 then
      local said = redis.call('RPUSH', KEYS[4], unpack(ARGV, 16))
      local excess = said - ARGV[8]
      if excess > 0 then
        redis.call('LTRIM', KEYS[4], excess, -1)
        forgotten = forgotten + excess
      end
      redis.call('PEXPIRE', KEYS[4], ARGV[4])
    end
    if forgotten ~= tonumber(meta[6]) then redis.call('HSET', KEYS[1], 'forgotten', forgotten) end
  end
end
if is_due then
  fields[#fields + 1] = 'listed_ms'
  fields[#fields + 1] = now
end
redis.call('HSET', KEYS[1], unpack(fields))
if is_due then expire(KEYS, ARGV[4]) end
return {'ok', is_due and 1 or 0, unpack(is_due and told_of(KEYS) or {})}
