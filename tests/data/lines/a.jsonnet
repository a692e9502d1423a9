// local commented = 1;
local limit = 3;
local rise(by) = by + 1;
{
  level: 1,
  read(x):: x,
}
