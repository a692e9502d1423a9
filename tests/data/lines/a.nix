# commented = 1;
{ pkgs ? import <nixpkgs> {} }:
let
  limit = 3;
  rise = by: by + 1;
  gauge = { level, ... }: level;
in {
  services.tide = {
    enable = true;
  };
  script = ''
    inside = 1;
  '';
}
