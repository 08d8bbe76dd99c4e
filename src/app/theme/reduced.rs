//! Reduced: copies of pictures that are larger than the graphics card takes, made on threads of
//! their own, since a mean over a hundred million pixels takes longer than a frame may.
//!
//! Invariant: the picture itself stays whole; only what is drawn is smaller. What is saved or copied
//! never comes from here.

use crossbeam_channel::{Receiver, bounded};
use egui::Context;

use crate::app::picture::Picture;
use crate::app::theme::scale;
use crate::app::theme::scale::Part;
use crate::picture::Frame;

/// Copies kept: two for a comparison, and those just seen.
const KEPT_MAX: usize = 4;

struct Copy {
    of: u64,
    made: Option<Picture>,
    coming: Receiver<Frame>,
}

/// The copies, the one used last at the end.
#[derive(Default)]
pub struct Reduced {
    copies: Vec<Copy>,
}

impl Reduced {
    /// A picture none of whose sides is longer than a texture may be: the picture itself or a copy;
    /// none while the copy is being made, after which the window is drawn again.
    pub fn fitting(&mut self, ctx: &Context, picture: &Picture) -> Option<Picture> {
        let most = ctx.input(|input| input.max_texture_side);
        if picture.is_within(most) {
            return Some(picture.clone());
        }
        let mut copy = match self.copies.iter().position(|copy| copy.of == picture.id) {
            Some(known) => self.copies.remove(known),
            None => Copy { of: picture.id, made: None, coming: begin(ctx.clone(), picture.clone(), most) },
        };
        if copy.made.is_none() {
            copy.made = copy.coming.try_recv().ok().map(Picture::new);
        }
        let made = copy.made.clone();
        self.copies.push(copy);
        let surplus = self.copies.len().saturating_sub(KEPT_MAX);
        self.copies.drain(..surplus);
        made
    }
}

/// Makes the copy on a thread; without a thread it is made here.
fn begin(ctx: Context, picture: Picture, most: usize) -> Receiver<Frame> {
    let (sender, coming) = bounded(1);
    let of = picture.clone();
    let to_thread = sender.clone();
    let started = std::thread::Builder::new().name("reduced picture".to_owned()).spawn(move || {
        // The receiver may be gone.
        to_thread.send(reduce(of.on_host(), most)).ok();
        ctx.request_repaint();
    });
    if let Err(error) = started {
        log::warn!("no thread to make a picture smaller ({error}); it is made at once");
        sender.send(reduce(picture.on_host(), most)).ok();
    }
    coming
}

fn reduce(frame: &Frame, most: usize) -> Frame {
    scale::mean(frame, Part::whole(frame), scale::within(frame, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(reduced: &mut Reduced, ctx: &Context, picture: &Picture) -> Picture {
        loop {
            if let Some(copy) = reduced.fitting(ctx, picture) {
                return copy;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_picture_beyond_the_limit_is_reduced_once_and_any_other_is_left_alone() {
        let ctx = Context::default();
        let most = ctx.input(|input| input.max_texture_side);
        let mut reduced = Reduced::default();
        for (width, height) in [(9000, 64), (64, 20_000), (most + 1, most + 1)] {
            let frame = Frame { width, height, rgb: vec![77; 3 * width * height].into() };
            let picture = Picture::new(frame);
            let copy = wait(&mut reduced, &ctx, &picture);
            assert!(copy.is_within(most), "{copy:?}");
            assert_eq!(copy.size().into_iter().max(), Some(most));
            assert!(copy.on_host().rgb.iter().all(|&level| level == 77));
            assert_eq!(wait(&mut reduced, &ctx, &picture), copy);
        }
        let small = Picture::new(Frame { width: most, height: 1, rgb: vec![0; 3 * most].into() });
        assert_eq!(reduced.fitting(&ctx, &small), Some(small));
        assert!(reduced.copies.len() <= KEPT_MAX);
    }
}
