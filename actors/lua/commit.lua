-- Commits many storefronts' turns, partition by partition, each all or nothing.
--
-- KEYS: for every partition its own key, then the key of every operation on it.
-- ARGV: number of partitions; for each: epoch, owner, sequence, store time, number of operations;
--       for each operation: what, value, ttl in ms (0: for good).
-- Returns one ending per partition: 0 committed, 1 fenced, 2 the store went back in time.
--
-- Equality of (epoch, owner) is checked before anything is written: a superseded owner's write is
-- refused here, whatever it believes. The sequence tells a repeat (already committed, nothing is
-- applied twice) from a store that has lost commits it once acknowledged.
local k, a = 1, 2
local endings = {}

local apply = {
  s = function(key, value, ttl)
    if ttl == '0' then redis.call('SET', key, value) else redis.call('SET', key, value, 'PX', ttl) end
  end,
  d = function(key) redis.call('DEL', key) end,
  m = function(key, value, id) redis.call('XADD', key, id, 'm', value) end,
  x = function(key, _, id) redis.call('XDEL', key, id) end,
  l = function(key, value) redis.call('ZADD', key, 0, value) end,
  u = function(key, value) redis.call('ZREM', key, value) end,
}

for i = 1, tonumber(ARGV[1]) do
  local partition = KEYS[k]
  local epoch, owner, seq = ARGV[a], ARGV[a + 1], tonumber(ARGV[a + 2])
  local at, operations = ARGV[a + 3], tonumber(ARGV[a + 4])
  k, a = k + 1, a + 5
  local held = redis.call('HMGET', partition, 'epoch', 'owner', 'seq')
  local held_epoch, held_seq = tonumber(held[1] or 0), tonumber(held[3] or 0)
  local ending = 0
  if held_epoch < tonumber(epoch) then
    ending = 2
  elseif held_epoch > tonumber(epoch) or held[2] ~= owner or held_seq > seq then
    ending = 1
  elseif held_seq < seq - 1 then
    ending = 2
  elseif held_seq == seq - 1 then
    for j = 0, operations - 1 do
      apply[ARGV[a + 3 * j]](KEYS[k + j], ARGV[a + 3 * j + 1], ARGV[a + 3 * j + 2])
    end
    -- Only an owner that answers commits: it has waited for whoever was before it.
    redis.call('HSET', partition, 'seq', seq, 'at', at, 'settled', 1)
  end
  k, a = k + operations, a + 3 * operations
  endings[i] = ending
end
return endings
