-- procedure Commented is
package body Tide is
   function Rise (By : Integer) return Integer is
   begin
      return By;
   end Rise;
   procedure Fall;
   type Level is range 0 .. 10;
   Broken : exception;
end Tide;
