!# p: 1,2
!# vp: 1,8
!# lib: fortran_shim.c
!# compare: mpich
!# expect: /rank 0 wrote 3 lines/
! Buffered output of a Fortran program reaches stdout at the end, internal I/O, namelists, stream files, random numbers.
program fortran_units
  implicit none
  integer :: rank, nranks, i, unit, a, b, seed_size
  integer, allocatable :: seed(:)
  real(8) :: x, before
  character(len=60) :: name, text
  namelist /settings/ a, b
  call shim_init(rank, nranks)
  call random_seed(size=seed_size)
  allocate (seed(seed_size))
  seed = 77 + rank
  call random_seed(put=seed)
  call random_number(before)
  do i = 1, 3
    write (*, '(a,i0,a,i0)') 'rank ', rank, ' line ', i
    call shim_barrier()
  end do
  call random_seed(put=seed)
  call shim_barrier()
  call random_number(x)
  if (abs(x - before) > 0d0) then
    write (0, *) 'check failed: random numbers of rank ', rank, ' depend on other ranks'
    call shim_abort(1)
  end if
  a = rank
  b = 2 * rank
  write (name, '(a,i0,a)') 'units-', rank, '.nml'
  open (newunit=unit, file=name, status='replace')
  write (unit, nml=settings)
  a = -1
  b = -1
  rewind (unit)
  call shim_barrier()
  read (unit, nml=settings)
  close (unit, status='delete')
  if (a /= rank .or. b /= 2 * rank) then
    write (0, *) 'check failed: namelist of rank ', rank, a, b
    call shim_abort(1)
  end if
  write (text, '(a,i0,a)') 'rank ', rank, ' wrote 3 lines'
  write (*, '(a)') trim(text)
  call shim_finalize()
end program fortran_units
