//! Where a model's weights go: which layers to which devices, which experts stay in RAM, and how files are read.

use crate::error::Error;

/// How a model is split across several devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// Not: all of it on one device.
    None,
    /// By layers.
    #[default]
    Layer,
    /// By rows of matrices.
    Row,
    /// By tensors, all devices at work on each layer.
    Tensor,
}

/// Which experts of a mixture stay in RAM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpertsInRam {
    /// None.
    #[default]
    None,
    /// Those of the first layers.
    First(u32),
    /// All.
    All,
}

/// How files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// As llama.cpp finds best: mapped where the devices allow.
    #[default]
    Auto,
    /// Read whole into memory.
    Whole,
    /// Mapped, and kept from being paged out.
    Locked,
}

/// Where a model's weights go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    /// Layers on the devices; all if absent.
    pub n_gpu_layers: Option<u32>,
    /// How several devices share them.
    pub split: Split,
    /// Each device's share, in proportion; as llama.cpp finds best if empty.
    pub shares: Vec<f32>,
    /// The device for what is not split.
    pub main_gpu: u32,
    /// Which experts stay in RAM.
    pub experts_in_ram: ExpertsInRam,
    /// How files are read.
    pub reading: Reading,
}

impl Placement {
    /// Refuses what this build or machine cannot do: `devices` is the number of its GPUs.
    ///
    /// # Errors
    /// When a split needs devices that are not there, or shares are none.
    pub fn check(&self, devices: usize) -> Result<(), Error> {
        let wrong = |why: String| Err(Error::Config(why));
        if self.shares.iter().any(|share| !share.is_finite() || *share < 0.0) || self.shares.len() > 128 {
            return wrong("--tensor-split takes numbers of at least 0, one for each device".into());
        }
        let splits = matches!(self.split, Split::Row | Split::Tensor) || !self.shares.is_empty();
        if splits && devices == 0 {
            return wrong(
                "--split-mode and --tensor-split need GPUs, and this build sees none; hint: build with --features cuda, \
                 metal, vulkan or hip"
                    .into(),
            );
        }
        if self.shares.len() > devices.max(1) {
            return wrong(format!("--tensor-split names {} devices, there are {devices}", self.shares.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_needs_devices() {
        let split = Placement { split: Split::Tensor, shares: vec![1.0, 1.0], ..Placement::default() };
        assert!(split.check(0).is_err() && split.check(1).is_err() && split.check(2).is_ok());
        assert!(Placement::default().check(0).is_ok());
        assert!(Placement { shares: vec![f32::NAN], ..Placement::default() }.check(1).is_err());
    }
}
