" function! Commented()
function! tide#rise(by) abort
  let local = a:by
endfunction
func s:Fall()
endfunc
def Modern(x: number): number
enddef
command! -nargs=* Tide call tide#rise(<f-args>)
let g:tide_limit = 3
augroup TideGroup
  autocmd!
augroup END
