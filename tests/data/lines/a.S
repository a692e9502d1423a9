/* commented: */
#define LIMIT 3
ENTRY(start_tide)
    mov x0, x1
rise:
    ret
.Lloop:
    b .Lloop
.macro twice reg
.endm
SYM_FUNC_START(fall)
    ret
SYM_FUNC_END(fall)
