!# p: 1,2
!# vp: 1,4,8,64
!# lib: fortran_shim.c
!# compare: mpich
!# expect: /rank +0 common/
! A Fortran program whose COMMON blocks, SAVE and module variables, DATA and units are private to each rank.
module state
  implicit none
  integer :: counter = 5
  integer, save :: table(100) = 0
  real(8), allocatable :: field(:)
  character(len=20) :: label = 'start'
end module state

subroutine check(ok, what)
  implicit none
  logical, intent(in) :: ok
  character(len=*), intent(in) :: what
  if (.not. ok) then
    write (0, *) 'check failed: ', what
    flush (0)
    call shim_abort(1)
  end if
end subroutine check

integer function next()
  implicit none
  integer, save :: id = 1
  integer :: table(3)
  save table
  data table /10, 20, 30/
  table(2) = table(2) + 1
  id = id + 1
  next = id * 1000 + table(2)
end function next

program fortran_program
  use state
  implicit none
  integer :: rank, nranks, round, left, got, i, total, ios, next
  integer :: shared_number
  real(8) :: shared_real, mine, everyone
  common /block/ shared_real, shared_number
  character(len=40) :: name, line, argument
  external :: next

  call shim_init(rank, nranks)
  shared_number = rank
  shared_real = rank * 0.5d0
  allocate (field(50 + rank))
  field = rank
  left = mod(rank + nranks - 1, nranks)

  write (name, '(a,i0,a)') 'fortran-', rank, '.txt'
  open (unit=10, file=name, status='replace', action='readwrite')
  do round = 1, 10
    counter = counter + rank
    table(round) = rank * round
    shared_number = shared_number + 1
    write (label, '(a,i0)') 'rank ', rank
    write (10, '(i0,1x,i0)') rank, round
    call shim_ring(shared_number, got)
    call check(got == left + round, 'value of the left neighbour')
    call check(shared_number == rank + round, 'COMMON variable')
    call check(counter == 5 + rank * round, 'module variable')
    call check(sum(table) == rank * round * (round + 1) / 2, 'module array')
    call check(next() == (round + 1) * 1000 + 20 + round, 'SAVE and DATA variables')
    call check(trim(label) == trim('rank '//trim(adjustl(argument_of(rank)))), 'module character variable')
    call shim_barrier()
  end do
  rewind (10)
  total = 0
  do
    read (10, *, iostat=ios) i, round
    if (ios /= 0) exit
    call check(i == rank, 'line of another rank in unit 10')
    total = total + round
  end do
  call check(total == 55, 'lines in unit 10')
  close (10, status='delete')

  write (line, '(f10.3)') shared_real
  call check(abs(sum(field) - rank * (50d0 + rank)) < 1d-9, 'allocatable array')
  mine = rank
  call shim_sum(mine, everyone)
  call check(abs(everyone - nranks * (nranks - 1) / 2d0) < 1d-9, 'sum over ranks')
  call get_command_argument(0, argument)
  call check(len_trim(argument) > 0, 'get_command_argument')
  write (*, '(a,i4,a,i5,a,f8.2,a,i6)') 'rank ', rank, ' common ', shared_number, ' real ', shared_real, ' counter ', counter
  call shim_finalize()

contains
  function argument_of(n) result(text)
    integer, intent(in) :: n
    character(len=12) :: text
    write (text, '(i0)') n
  end function argument_of
end program fortran_program
