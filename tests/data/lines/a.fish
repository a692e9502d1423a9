# function commented
function rise --description 'x'
  set -l local 1
end
alias ll 'ls -l'
set -gx LIMIT 3
