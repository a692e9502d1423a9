@echo off
rem :commented
:: :other
set LIMIT=3
call :rise
:rise
echo x
goto :eof
