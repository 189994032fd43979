!# p: 1,2
!# vp: 1000
!# lib: fortran_shim.c
!# timeout: 180
!# expect: /rank +999 common/
! The Fortran program on 1000 ranks: 1000 private Fortran run-time libraries.
include 'fortran_program.f90'
