`define WIDTH 8
// module commented();
module tide #(parameter W = 8) (
input logic clk,
output reg [W-1:0] level
);
localparam LIMIT = 3;
function automatic int rise(int by);
  return by;
endfunction
task fall;
endtask
endmodule
class gauge extends base;
  virtual function void read();
  endfunction
endclass
interface bus_if;
endinterface
package pkg;
  typedef enum { IDLE } state_t;
endpackage
