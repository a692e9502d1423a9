module tide_mod
  implicit none
  integer, parameter :: limit = 3
  type, extends(base) :: gauge
    integer :: level
  contains
    procedure :: read_level
  end type gauge
  interface rise
    module procedure rise_int
  end interface rise
contains
  ! subroutine commented()
  pure elemental function rise_int(by) result(r)
    integer, intent(in) :: by
  end function rise_int
  recursive subroutine fall(x)
  end subroutine fall
  real(kind=8) function area(x)
  end function
end module tide_mod
      PROGRAM MAIN
      END
