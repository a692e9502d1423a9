-- entity commented is
entity tide is
  port (
    clk : in std_logic;
    level : out integer
  );
end entity tide;
architecture rtl of tide is
  signal count : integer;
  constant limit : integer := 3;
  type state_t is (idle, busy);
  function rise(x : integer) return integer is
  begin
    return x;
  end function;
begin
  main : process (clk)
  begin
  end process;
end architecture;
package tide_pkg is
end package;
