unit Tide;
{ procedure Commented; }
interface
type
  TGauge = class(TObject)
  private
    FLevel: Integer;
  public
    constructor Create(x: Integer);
    function Read: Integer;
    property Level: Integer read FLevel;
  end;
  TPoint = record
    X: Integer;
  end;
  TKind = (kLow, kHigh);
const
  Limit = 3;
implementation
constructor TGauge.Create(x: Integer);
begin
end;
function TGauge.Read: Integer;
begin
  Result := 1;
end;
procedure Helper(x: Integer);
begin
end;
end.
