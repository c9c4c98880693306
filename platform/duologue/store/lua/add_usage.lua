-- Count a tenant's usage. KEYS: usage. ARGV: its counts.
for index, name in ipairs(USAGE) do
  redis.call('HINCRBY', KEYS[1], name, ARGV[index])
end
redis.call('PEXPIRE', KEYS[1], 400 * DAY_MS)
