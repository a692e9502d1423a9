#Requires -Version 7.0
<#
.SYNOPSIS
    Publishes tide tables.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)]
    [string] $Path,
    [switch] $Force
)

using namespace System.Collections.Generic

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$script:Stations = @{}
$global:TideHome = Join-Path $HOME '.tide'
[int] $counter = 0
Set-Variable -Name MinimumDepth -Value 1.5 -Option Constant
New-Alias -Name tl -Value Get-TideTable

# How the water moves: „Größe“.
enum Tide {
    # Falling water.
    Ebb = -1
    Slack
    Flood = 1
}

# Something that can be measured.
class Measurable {
    [double] $Depth

    [void] Reset() {
        throw 'abstract'
    }
}

<#
A station that measures the water.
#>
class Station : Measurable {
    [string] $Name
    hidden [List[double]] $Log = [List[double]]::new()
    static [int] $Count = 0
    [ValidateRange(0, 40)]
    [double] $Limit

    Station([string] $name) {
        $this.Name = $name
        [Station]::Count++
    }

    Station([string] $name, [double] $depth) : base($depth) {
        $this.Name = $name
    }

    # Whether a ship floats.
    [bool] IsNavigable([double] $draught) {
        $margin = $this.Depth - $draught
        return $margin -gt 0
    }

    static [Station] Parse([string] $line) {
        return [Station]::new($line)
    }

    [string] ToString() { return $this.Name }
}

<#
.SYNOPSIS
    Reads the table of a station.
#>
function Get-TideTable {
    [CmdletBinding()]
    [OutputType([string])]
    param(
        [Parameter(ValueFromPipeline)]
        [string] $Name = 'north'
    )

    begin {
        $local = 1
        function Format-Line($line) {
            "$line".Trim()
        }
    }

    process {
        Get-Content (Join-Path $global:TideHome $Name) | ForEach-Object { Format-Line $_ }
    }
}

function script:Publish-Table([string] $Name, [int] $Year) {
    $text = @"
function Not-AFunction { }
"@
    $text
}

filter Select-Deep {
    if ($_.Depth -gt 10) { $_ }
}

workflow Start-Tide { }

configuration TideNode {
    Node 'localhost' { }
}

$block = { param($x) $x * 2 }

if ($Force) {
    function global:Remove-Table { }
}

Export-ModuleMember -Function Get-TideTable
