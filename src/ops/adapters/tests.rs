//! Changed layers: on every backend as on the native one, as if the change were part of the weights, and as
//! before once it is gone.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Rewrite, rewritten};
use crate::ops::cpu::{Element, Groups};
use crate::ops::host::{HostData, HostTensor, StoredNumbers, TensorRows};
use crate::ops::tests::{Operation, Place, TOLERANCE, draw};
use crate::ops::*;

/// The product in the place of the weights.
#[derive(Debug)]
struct Merged(LowRank, f32);

impl Rewrite for Merged {
    fn rewrite(&self, weight: &mut [f32], shape: &[usize]) -> Result<()> {
        let (down, up) = (self.0.down.to_f32(), self.0.up.to_f32());
        let (rank, columns) = (self.0.down.shape[0], shape[1..].iter().product::<usize>());
        for (place, weight) in weight.iter_mut().enumerate() {
            let (row, column) = (place / columns, place % columns);
            *weight +=
                self.1 * (0..rank).map(|r| up[row * rank + r] * down[r * columns + column]).sum::<f32>();
        }
        Ok(())
    }

    fn is_same(&self, other: &(dyn Rewrite + 'static)) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| self.0 == other.0 && self.1 == other.1)
    }
}

/// Counts how often it is asked; at first it fails.
#[derive(Clone, Debug)]
struct Counting {
    asked: Arc<AtomicUsize>,
    fails: usize,
}

impl Rewrite for Counting {
    fn rewrite(&self, weight: &mut [f32], _shape: &[usize]) -> Result<()> {
        if self.asked.fetch_add(1, Ordering::Relaxed) < self.fails {
            return Err(Error::Weights("gone".to_owned()));
        }
        weight.iter_mut().for_each(|weight| *weight *= 2.0);
        Ok(())
    }

    fn is_same(&self, other: &(dyn Rewrite + 'static)) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| Arc::ptr_eq(&self.asked, &other.asked))
    }
}

fn product(name: &str, shape: &[usize]) -> LowRank {
    let of = |part: &str, shape: Vec<usize>| {
        let data = HostData::F32(draw(&format!("{name}{part}"), shape.iter().product()).into());
        HostTensor { shape, data }
    };
    LowRank { down: of("down", [&[3], &shape[1..]].concat()), up: of("up", vec![shape[0], 3]) }
}

impl Place {
    /// Changes the layers of these names, with weights of these shapes, and no others.
    fn change(&self, layers: &[(&str, &[usize])], merged: bool) {
        let change = |(name, shape): &(&str, &[usize])| {
            let (low_rank, strength) = (product(name, shape), 0.3);
            let change = match merged {
                true => Change { rewrites: vec![Arc::new(Merged(low_rank, strength))], low_rank: vec![] },
                false => Change { low_rank: vec![(Arc::new(low_rank), strength)], rewrites: vec![] },
            };
            ((*name).to_owned(), change)
        };
        self.weights.adapters().set(layers.iter().map(change).collect());
    }
}

/// A layer's name, its changed weights, and what runs it.
type Case = (&'static [(&'static str, &'static [usize])], Operation);

const CASES: &[Case] = &[
    (&[("adapted.a", &[10, 24])], |p| {
        Linear::new(&p.layer("adapted.a"), 24, 10)?.forward(&p.tensor("x", &[2, 9, 24])?)
    }),
    (&[("adapted.b", &[10, 24])], |p| {
        let residual = p.tensor("r", &[2, 9, 10])?;
        Linear::new(&p.layer("adapted.b"), 24, 10)?.forward_residual(&p.tensor("x", &[2, 9, 24])?, &residual)
    }),
    (&[("adapted.c", &[10, 24])], |p| {
        let layer = Linear::new(&p.layer("adapted.c"), 24, 10)?;
        layer.forward_activated(&p.tensor("x", &[2, 24])?, Activation::QuickGelu)
    }),
    (&[("adapted.d", &[40, 24])], |p| {
        let norm = LayerNorm::new(&p.layer("n"), 24)?;
        Geglu::new(&p.layer("adapted.d"), 24, 20)?.forward_after(&norm, &p.tensor("x", &[2, 70, 24])?)
    }),
    (&[("adapted.e", &[6, 8, 3, 3])], |p| {
        let fused = (p.tensor("e", &[2, 6])?, p.tensor("r", &[2, 6, 5, 7])?);
        let fused = Fused { channels: Some(&fused.0), residual: Some(&fused.1) };
        Conv2d::new(&p.layer("adapted.e"), Conv2dShape::three(8, 6))?.forward_fused(&p.skip()?, fused)
    }),
    (&[("adapted.f", &[6, 8, 3, 3])], |p| {
        Conv2d::new(&p.layer("adapted.f"), Conv2dShape::three(8, 6))?
            .forward_upsampled(&p.tensor("x", &[2, 8, 5, 7])?)
    }),
    (&[("adapted.g", &[6, 8, 3, 3])], |p| {
        let shape = Conv2dShape::strided(8, 6, Padding::Same(1));
        Conv2d::new(&p.layer("adapted.g"), shape)?.forward(&p.tensor("x", &[2, 8, 6, 9])?)
    }),
    (&[("adapted.h", &[6, 8, 1, 1])], |p| {
        Conv2d::new(&p.layer("adapted.h"), Conv2dShape::one(8, 6))?.forward(&p.skip()?)
    }),
    (&[("adapted.i.to_q", &[24, 24]), ("adapted.i.to_v", &[24, 24])], |p| {
        let norm = LayerNorm::new(&p.layer("n"), 24)?;
        SelfAttention::new(&p.layer("adapted.i"), 24, 24, 3)?
            .forward_after(&norm, &p.tensor("x", &[2, 9, 24])?)
    }),
    (&[("adapted.j.in_proj_weight.1", &[24, 24])], |p| {
        let part = |part| {
            Linear::part(&p.layer("adapted.j"), ["in_proj_weight", "in_proj_bias"], [24, 24], part, 3)?
                .forward(&p.tensor("x", &[2, 9, 24])?)
        };
        // The other parts stay as they are.
        part(0)?.add(&part(1)?)?.add(&part(2)?)
    }),
];

fn close(a: &[f32], b: &[f32], tolerance: f32) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * a.abs().max(1.0))
}

#[test]
fn products_of_low_rank_run_beside_layers_on_every_backend() {
    let native = Place::open(DeviceChoice::Cpu).unwrap();
    for place in Place::all() {
        for (layers, operation) in CASES {
            let what = format!("{layers:?} on {:?}", place.device());
            let run = |place: &Place| operation(place).unwrap().to_f32().unwrap();
            // Layers have slots once they were built.
            let (plain, of_native) = (run(&place), run(&native));
            assert!(close(&plain, &of_native, TOLERANCE), "{what}: plain");
            place.change(layers, false);
            native.change(layers, false);
            let (beside, of_native) = (run(&place), run(&native));
            assert!(close(&beside, &of_native, 2.0 * TOLERANCE), "{what}: beside");
            assert!(!close(&beside, &plain, 1e-2), "{what}: changes nothing");
            place.change(layers, true);
            // Weights in f16 are rounded again where they are rewritten.
            assert!(close(&run(&place), &beside, 3e-2), "{what}: rewritten");
            place.change(&[], false);
            native.change(&[], false);
            assert_eq!(run(&place), plain, "{what}: taken off");
        }
    }
}

#[test]
fn a_layer_that_stands_follows_its_changes() {
    let place = Place::open(DeviceChoice::Cpu).unwrap();
    let x = place.tensor("x", &[2, 24]).unwrap();
    let layer = Linear::new(&place.layer("stands"), 24, 10).unwrap();
    let run = || layer.forward(&x).unwrap().to_f32().unwrap();
    let plain = run();
    let change = [("stands", &[10usize, 24][..])];
    place.change(&change, false);
    let beside = run();
    place.change(&change, true);
    let merged = run();
    assert!(beside != plain && merged != plain && close(&beside, &merged, 3e-2));
    place.change(&change, false);
    assert_eq!(run(), beside);
    place.change(&[], false);
    assert_eq!(run(), plain);
}

#[test]
fn a_product_of_another_shape_is_an_error() {
    let place = Place::open(DeviceChoice::Cpu).unwrap();
    let layer = Linear::new(&place.layer("odd"), 24, 10).unwrap();
    place.change(&[("odd", &[10, 23])], false);
    assert!(matches!(layer.forward(&place.tensor("x", &[2, 24]).unwrap()), Err(Error::Shape(_))));
    place.change(&[], false);
    assert!(layer.forward(&place.tensor("x", &[2, 24]).unwrap()).is_ok());
}

#[test]
fn attention_that_stands_follows_its_changes_on_every_backend() {
    for place in Place::all() {
        let norm = LayerNorm::new(&place.layer("n"), 24).unwrap();
        let x = place.tensor("x", &[2, 9, 24]).unwrap();
        let layer = SelfAttention::new(&place.layer("whole"), 24, 24, 3).unwrap();
        let run = || layer.forward_after(&norm, &x).unwrap().to_f32().unwrap();
        let plain = run();
        place.change(&[("whole.to_k", &[24, 24])], false);
        let beside = run();
        assert!(beside != plain && run() == beside, "{:?}", place.device());
        place.change(&[], false);
        assert!(run() == plain && run() == plain, "{:?}", place.device());
    }
}

#[test]
fn a_layer_is_read_again_only_for_other_rewrites_and_after_a_failure() {
    let place = Place::open(DeviceChoice::Cpu).unwrap();
    let x = place.tensor("x", &[2, 24]).unwrap();
    let layer = Linear::new(&place.layer("again"), 24, 10).unwrap();
    let run = || layer.forward(&x).map(|y| y.to_f32().unwrap());
    let plain = run().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let low_rank = Arc::new(product("again", &[10, 24]));
    let put = |fails, strength| {
        let rewrites: Vec<Arc<dyn Rewrite>> = vec![Arc::new(Counting { asked: asked.clone(), fails })];
        let change = Change { low_rank: vec![(low_rank.clone(), strength)], rewrites };
        place.weights.adapters().set([("again".to_owned(), change)].into());
    };
    put(1, 0.5);
    assert_eq!(run(), Err(Error::Weights("gone".to_owned())));
    place.change(&[], false);
    assert_eq!(run().unwrap(), plain);
    put(1, 0.5);
    let half = run().unwrap();
    put(1, 0.25);
    let quarter = run().unwrap();
    assert!(half != quarter && half != plain);
    assert_eq!(asked.load(Ordering::Relaxed), 2, "once failed, once read");
}

/// Products of low rank are as fine as their file has them, however coarse the model's weights are kept.
#[test]
fn what_runs_beside_quantized_weights_is_not_quantized() {
    let beside = |weights_kept| {
        let options =
            DeviceOptions { threads: Some(2), weights_kept, choice: DeviceChoice::Cpu, ..Default::default() };
        let (device, _) = Device::open(options, StopFlag::default()).unwrap();
        let place = Place { weights: Place::open(DeviceChoice::Cpu).unwrap().weights.on(&device) };
        let norm = place.tensor("x", &[2, 96]).unwrap();
        let map = place.tensor("x", &[1, 8, 5, 7]).unwrap();
        let linear = Linear::new(&place.layer("fine"), 96, 10).unwrap();
        let conv = Conv2d::new(&place.layer("fines"), Conv2dShape::three(8, 6)).unwrap();
        let run = || {
            let of = [linear.forward(&norm).unwrap(), conv.forward(&map).unwrap()];
            of.map(|y| y.to_f32().unwrap()).concat()
        };
        let plain = run();
        place.change(&[("fine", &[10, 96]), ("fines", &[6, 8, 3, 3])], false);
        let added: Vec<f32> = run().iter().zip(&plain).map(|(with, plain)| with - plain).collect();
        (plain, added)
    };
    let ((exact, fine), (coarse, beside)) = (beside(WeightsKept::File), beside(WeightsKept::Q8_0));
    assert!(!close(&exact, &coarse, 1e-4), "the weights are not quantized");
    assert!(close(&fine, &beside, 1e-4), "{fine:?} {beside:?}");
}

/// Numbers that lie in blocks of 8 bits in their file.
struct Blocks(Vec<f32>);

impl StoredNumbers for Blocks {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn element(&self) -> Element {
        Element::F32
    }

    fn groups(&self) -> Option<Groups> {
        Some(Groups::Q8)
    }

    fn read(&self, first: usize, to: &mut [u8]) -> Result<()> {
        let numbers = to.chunks_exact_mut(4).zip(&self.0[first..]);
        numbers.for_each(|(to, number)| to.copy_from_slice(&number.to_le_bytes()));
        Ok(())
    }
}

#[test]
fn rewritten_weights_take_no_more_than_halves_where_they_were_quantized() {
    let double: Arc<dyn Rewrite> = Arc::new(Counting { asked: Arc::default(), fails: 0 });
    let of = |rows: &TensorRows<'_>| rewritten(rows, &[2, 3], std::slice::from_ref(&double)).unwrap();
    let values: Vec<f32> = (0..6).map(|n| n as f32).collect();
    let small = of(&TensorRows::Stored(Box::new(Blocks(values.clone()))));
    assert_eq!((small.dtype(), small.to_f32()[5]), ("F16", 10.0));
    let data = HostData::F32(values.into());
    let large = of(&TensorRows::here(HostTensor { shape: vec![2, 3], data }));
    assert_eq!((large.dtype(), large.to_f32()[5]), ("F32", 10.0));
}
