*** Settings ***
Library    Collections
*** Variables ***
${LIMIT}    3
*** Test Cases ***
Rises When Told
    Log    hello
*** Keywords ***
Raise The Tide
    [Arguments]    ${by}
    Log    x
