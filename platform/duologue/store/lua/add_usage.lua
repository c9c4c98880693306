-- Count a tenant's usage. KEYS: usage. ARGV: input_tokens, output_tokens, slices.
for index, name in ipairs({'input_tokens', 'output_tokens', 'slices'}) do
  redis.call('HINCRBY', KEYS[1], name, ARGV[index])
end
redis.call('PEXPIRE', KEYS[1], 400 * DAY_MS)
