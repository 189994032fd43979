//! The naive model that the datatype engine is tested against: a typemap as the standard writes it, a list of
//! (displacement, basic type) with lb and ub markers among them (MPI-5.0 §5.1, §5.1.6).

use super::basic::Basic;
use super::*;
use crate::abi::constants as c;

/// A typemap written out.
#[derive(Debug, Clone, PartialEq)]
pub struct Typemap {
    pub entries: Vec<(i64, Basic)>,
    pub lb_markers: Vec<i64>,
    pub ub_markers: Vec<i64>,
}

impl Typemap {
    pub fn empty() -> Typemap {
        Typemap { entries: vec![], lb_markers: vec![], ub_markers: vec![] }
    }

    pub fn of(handle: usize) -> Typemap {
        let basic = Basic::from_handle(handle).unwrap();
        let entries = match basic.pair() {
            None => vec![(0, basic)],
            Some((value, index)) => {
                let a = index.repr().align();
                vec![(0, value), ((value.size() + a - 1) / a * a, index)]
            }
        };
        Typemap { entries, ..Typemap::empty() }
    }

    pub fn append(&mut self, disp: i64, other: &Typemap) {
        self.entries.extend(other.entries.iter().map(|(d, b)| (d + disp, *b)));
        self.lb_markers.extend(other.lb_markers.iter().map(|d| d + disp));
        self.ub_markers.extend(other.ub_markers.iter().map(|d| d + disp));
    }

    pub fn blocks(&self, blocks: impl IntoIterator<Item = (i64, i64)>) -> Typemap {
        let mut new = Typemap::empty();
        for (count, disp) in blocks {
            for j in 0..count {
                new.append(disp + j * self.extent(), self);
            }
        }
        new
    }

    pub fn resized(mut self, lb: i64, extent: i64) -> Typemap {
        self.lb_markers = vec![lb];
        self.ub_markers = vec![lb + extent];
        self
    }

    pub fn size(&self) -> i64 {
        self.entries.iter().map(|(_, b)| b.size()).sum()
    }

    pub fn true_lb(&self) -> i64 {
        self.entries.iter().map(|(d, _)| *d).min().unwrap_or(0)
    }

    pub fn true_ub(&self) -> i64 {
        self.entries.iter().map(|(d, b)| d + b.size()).max().unwrap_or(0)
    }

    pub fn lb(&self) -> i64 {
        self.lb_markers.iter().copied().min().unwrap_or(self.true_lb())
    }

    pub fn ub(&self) -> i64 {
        if let Some(ub) = self.ub_markers.iter().copied().max() {
            return ub;
        }
        let align = self.entries.iter().map(|(_, b)| b.repr().align()).max().unwrap_or(1);
        let mut ub = self.true_ub();
        while (ub - self.true_lb()) % align != 0 {
            ub += 1;
        }
        ub
    }

    pub fn extent(&self) -> i64 {
        self.ub() - self.lb()
    }

    /// The displacement of every packed byte of `count` elements.
    pub fn bytes(&self, count: i64) -> Vec<i64> {
        let mut all = Vec::new();
        for i in 0..count {
            for (d, b) in &self.entries {
                all.extend((0..b.size()).map(|k| i * self.extent() + d + k));
            }
        }
        all
    }
}

/// A constructor call of a random type, kept so that datatype and typemap can be made from the same description.
#[derive(Debug, Clone)]
pub enum Recipe {
    Named(usize),
    Dup(Box<Recipe>),
    Contiguous(i64, Box<Recipe>),
    Vector(i64, i64, i64, Box<Recipe>),
    Hvector(i64, i64, i64, Box<Recipe>),
    Indexed(Vec<(i64, i64)>, Box<Recipe>),
    Hindexed(Vec<(i64, i64)>, Box<Recipe>),
    IndexedBlock(i64, Vec<i64>, Box<Recipe>),
    HindexedBlock(i64, Vec<i64>, Box<Recipe>),
    Struct(Vec<(i64, i64, Recipe)>),
    Resized(i64, i64, Box<Recipe>),
    /// Sizes, subsizes, starts per dimension.
    Subarray(Vec<(i64, i64, i64)>, bool, Box<Recipe>),
    /// Per dimension: global size, processes, distribution (0 none, 1 block, 2 cyclic), argument (0 default).
    Darray(Vec<(i64, i32, u8, i32)>, i32, bool, Box<Recipe>),
}

fn order(fortran: bool) -> i32 {
    if fortran { c::MPI_ORDER_FORTRAN } else { c::MPI_ORDER_C }
}

impl Recipe {
    pub fn datatype(&self, form: Form) -> DatatypeRef {
        use Recipe::*;
        match self {
            Named(h) => predefined(*h).unwrap().clone(),
            Dup(old) => Datatype::dup(&old.datatype(form)),
            Contiguous(n, old) => Datatype::contiguous(*n, &old.datatype(form), form).unwrap(),
            Vector(n, b, s, old) => Datatype::vector(*n, *b, *s, &old.datatype(form), form).unwrap(),
            Hvector(n, b, s, old) => Datatype::hvector(*n, *b, *s, &old.datatype(form), form).unwrap(),
            Indexed(blocks, old) => {
                let (b, d): (Vec<i64>, Vec<i64>) = blocks.iter().copied().unzip();
                Datatype::indexed(&b, &d, &old.datatype(form), form).unwrap()
            }
            Hindexed(blocks, old) => {
                let (b, d): (Vec<i64>, Vec<i64>) = blocks.iter().copied().unzip();
                Datatype::hindexed(&b, &d, &old.datatype(form), form).unwrap()
            }
            IndexedBlock(b, d, old) => Datatype::indexed_block(*b, d, &old.datatype(form), form).unwrap(),
            HindexedBlock(b, d, old) => Datatype::hindexed_block(*b, d, &old.datatype(form), form).unwrap(),
            Struct(parts) => {
                let b: Vec<i64> = parts.iter().map(|p| p.0).collect();
                let d: Vec<i64> = parts.iter().map(|p| p.1).collect();
                let t: Vec<_> = parts.iter().map(|p| p.2.datatype(form)).collect();
                Datatype::structure(&b, &d, &t, form).unwrap()
            }
            Resized(lb, extent, old) => Datatype::resized(&old.datatype(form), *lb, *extent, form).unwrap(),
            Subarray(dims, fortran, old) => {
                let sizes: Vec<i64> = dims.iter().map(|d| d.0).collect();
                let subsizes: Vec<i64> = dims.iter().map(|d| d.1).collect();
                let starts: Vec<i64> = dims.iter().map(|d| d.2).collect();
                let array = super::Subarray {
                    sizes: &sizes,
                    subsizes: &subsizes,
                    starts: &starts,
                    order: order(*fortran),
                };
                Datatype::subarray(array, &old.datatype(form), form).unwrap()
            }
            Darray(dims, rank, fortran, old) => {
                let gsizes: Vec<i64> = dims.iter().map(|d| d.0).collect();
                let psizes: Vec<i32> = dims.iter().map(|d| d.1).collect();
                let distribs: Vec<i32> = dims.iter().map(|d| c::MPI_DISTRIBUTE_NONE + d.2 as i32).collect();
                let dargs: Vec<i32> =
                    dims.iter().map(|d| if d.3 == 0 { c::MPI_DISTRIBUTE_DFLT_DARG } else { d.3 }).collect();
                let array = super::Darray {
                    size: psizes.iter().product(),
                    rank: *rank,
                    gsizes: &gsizes,
                    distribs: &distribs,
                    dargs: &dargs,
                    psizes: &psizes,
                    order: order(*fortran),
                };
                Datatype::darray(array, &old.datatype(form), form).unwrap()
            }
        }
    }

    pub fn typemap(&self) -> Typemap {
        use Recipe::*;
        match self {
            Named(h) => Typemap::of(*h),
            Dup(old) => old.typemap(),
            Contiguous(n, old) => old.typemap().blocks([(*n, 0)]),
            Vector(n, b, s, old) => {
                let old = old.typemap();
                old.blocks((0..*n).map(|i| (*b, i * s * old.extent())))
            }
            Hvector(n, b, s, old) => old.typemap().blocks((0..*n).map(|i| (*b, i * s))),
            Indexed(blocks, old) => {
                let old = old.typemap();
                old.blocks(blocks.iter().map(|(b, d)| (*b, d * old.extent())))
            }
            Hindexed(blocks, old) => old.typemap().blocks(blocks.iter().copied()),
            IndexedBlock(b, d, old) => {
                let old = old.typemap();
                old.blocks(d.iter().map(|d| (*b, d * old.extent())))
            }
            HindexedBlock(b, d, old) => old.typemap().blocks(d.iter().map(|d| (*b, *d))),
            Struct(parts) => {
                let mut new = Typemap::empty();
                for (b, d, old) in parts {
                    new.append(0, &old.typemap().blocks([(*b, *d)]));
                }
                new
            }
            Resized(lb, extent, old) => old.typemap().resized(*lb, *extent),
            Subarray(dims, fortran, old) => {
                let owns = |dim: usize, i: i64| i >= dims[dim].2 && i < dims[dim].2 + dims[dim].1;
                array(&old.typemap(), &dims.iter().map(|d| d.0).collect::<Vec<_>>(), *fortran, owns)
            }
            Darray(dims, rank, fortran, old) => {
                let mut coords = vec![0; dims.len()];
                let mut rest = *rank as i64;
                for d in (0..dims.len()).rev() {
                    coords[d] = rest % dims[d].1 as i64;
                    rest /= dims[d].1 as i64;
                }
                let owns = |dim: usize, i: i64| {
                    let (g, p, distrib, darg) = dims[dim];
                    let p = p as i64;
                    let block = match (distrib, darg) {
                        (0, _) => return true,
                        (1, 0) => (g + p - 1) / p,
                        (2, 0) => 1,
                        (_, b) => b as i64,
                    };
                    (i / block) % p == coords[dim]
                };
                array(&old.typemap(), &dims.iter().map(|d| d.0).collect::<Vec<_>>(), *fortran, owns)
            }
        }
    }
}

/// The elements of an array that `owns(dimension, index)` says are owned in every dimension, in storage order.
fn array(old: &Typemap, sizes: &[i64], fortran: bool, owns: impl Fn(usize, i64) -> bool) -> Typemap {
    let mut new = Typemap::empty();
    let total: i64 = sizes.iter().product();
    for place in 0..total {
        let mut rest = place;
        let dims: Vec<usize> =
            if fortran { (0..sizes.len()).collect() } else { (0..sizes.len()).rev().collect() };
        let owned = dims.into_iter().all(|d| {
            let i = rest % sizes[d];
            rest /= sizes[d];
            owns(d, i)
        });
        if owned {
            new.append(place * old.extent(), old);
        }
    }
    let extent = total * old.extent();
    new.resized(0, extent)
}
