-- Takes a partition for a new owner: raises its epoch, so that the old owner's commits are fenced.
--
-- KEYS[1]: the partition. ARGV: new owner, epoch and owner it was seen with, the lowest epoch and
-- sequence this store must have reached, store time, whether the new owner has to wait (0/1).
-- Returns taken (0/1), epoch, sequence, latest commit time, burned-before time, went back (0/1).
--
-- A store below that floor has lost acknowledged commits: short secrets that were spent since may be
-- unspent in it, so everything issued until now is burned.
local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'seq', 'at', 'burned')
local epoch, owner = tonumber(held[1] or 0), held[2] or ''
local seq, at, burned = tonumber(held[3] or 0), tonumber(held[4] or 0), tonumber(held[5] or 0)
if epoch ~= tonumber(ARGV[2]) or owner ~= ARGV[3] then
  return { 0, epoch, seq, at, burned, 0 }
end
local floor_epoch, floor_seq = tonumber(ARGV[4]), tonumber(ARGV[5])
local went_back = (epoch < floor_epoch or seq < floor_seq) and 1 or 0
-- What is burned must be older than this moment, also when the clock was set back.
at = math.max(at + went_back, tonumber(ARGV[6]))
if went_back == 1 then burned = at end
epoch, seq = math.max(epoch, floor_epoch) + 1, math.max(seq, floor_seq)
redis.call('HSET', KEYS[1], 'epoch', epoch, 'owner', ARGV[1], 'seq', seq,
  'at', string.format('%d', at), 'burned', string.format('%d', burned), 'settled', 1 - ARGV[7])
return { 1, epoch, seq, at, burned, went_back }
