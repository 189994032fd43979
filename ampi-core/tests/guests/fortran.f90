! Fortran: module variables, SAVE, COMMON, unit 10 of every rank, formatted output.
module state
  implicit none
  integer :: counter = 3
  real(8), allocatable :: field(:)
end module
program main
  use state
  use iso_c_binding
  implicit none
  interface
    subroutine yield() bind(c, name="ampi_test_yield")
    end subroutine
    integer(c_int) function myrank() bind(c, name="ampi_test_rank")
      import
    end function
  end interface
  integer :: common_value, i, r, back
  integer, save :: saved = 4
  common /block/ common_value
  character(len=64) :: name
  r = myrank()
  counter = counter + r; saved = saved + r; common_value = r
  allocate(field(1000)); field = r
  write(name, '(a,i0,a)') 'fortran-', r, '.txt'
  open(unit=10, file=name, status='replace')
  do i = 1, 4
    write(10, *) r * 100 + i
    call yield()
    if (counter /= 3 + r .or. saved /= 4 + r .or. common_value /= r .or. sum(field) /= 1000d0 * r) stop 3
  end do
  rewind(10)
  do i = 1, 4
    read(10, *) back
    call yield()
    if (back /= r * 100 + i) stop 4
  end do
  close(10, status='delete')
  print '(a,i0,a)', 'rank ', r, ' fortran fine'
end program
