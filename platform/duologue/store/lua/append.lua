-- Add an entry to a session's journal, edit its transcript, set its usage, renew its lease.
-- KEYS: a session's. ARGV: now, epoch, lease_ms, ttl_ms, listing_ms, max_entries, max_bytes,
--   max_said, number, entry, input_tokens, output_tokens, slices ('' leaves the usage),
--   keep ('' leaves the transcript), then the transcript's entries behind those kept.
-- Returns as renew_lease does. A repeat of the last entry is taken as done.
local now, number, entry = time_ms(ARGV[1]), tonumber(ARGV[9]), ARGV[10]
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'claim', 'listed_ms', 'entries', 'journal_bytes',
  'input_tokens', 'output_tokens', 'slices', 'forgotten')
if not meta[1] then return {'unknown'} end
if meta[1] ~= ARGV[2] or not meta[2] then return {'stale', meta[1]} end

local entries, bytes = tonumber(meta[4]), tonumber(meta[5])
local is_repeat = number == entries and redis.call('LINDEX', KEYS[2], -1) == entry
if not is_repeat and number ~= entries + 1 then return {'gap', entries} end
local fields = {'lease_until_ms', now + ARGV[3], 'active_ms', now}
local usage = {meta[6], meta[7], meta[8]}
local is_due = now >= meta[3] + ARGV[5]

if not is_repeat then
  if bytes + #entry > tonumber(ARGV[7]) then return {'full', bytes} end
  if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[6]) then return {'full', bytes} end
  local length = redis.call('RPUSH', KEYS[2], entry)
  if length == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
  fields[5], fields[6] = 'entries', number
  fields[7], fields[8] = 'journal_bytes', bytes + #entry
  if ARGV[11] ~= '' then
    usage = {ARGV[11], ARGV[12], ARGV[13]}
    fields[9], fields[10], fields[11] = 'input_tokens', usage[1], 'output_tokens'
    fields[12], fields[13], fields[14] = usage[2], 'slices', usage[3]
  end
  if ARGV[14] ~= '' then
    -- The list holds the entries behind the first `forgotten`, of which nobody wants to know.
    local forgotten, keep = tonumber(meta[9]), tonumber(ARGV[14])
    if keep <= forgotten then
      redis.call('DEL', KEYS[4])
      forgotten = keep
    else
      redis.call('LTRIM', KEYS[4], 0, keep - forgotten - 1)
    end
    if #ARGV > 14 then
      local said = redis.call('RPUSH', KEYS[4], unpack(ARGV, 15))
      local excess = said - ARGV[8]
      if excess > 0 then
        redis.call('LTRIM', KEYS[4], excess, -1)
        forgotten = forgotten + excess
      end
      redis.call('PEXPIRE', KEYS[4], ARGV[4])
    end
    if forgotten ~= tonumber(meta[9]) then redis.call('HSET', KEYS[1], 'forgotten', forgotten) end
  end
end
if is_due then
  fields[#fields + 1] = 'listed_ms'
  fields[#fields + 1] = now
end
redis.call('HSET', KEYS[1], unpack(fields))
if is_due then expire(KEYS, ARGV[4]) end
return {'ok', is_due and 1 or 0, usage[1], usage[2], usage[3]}
