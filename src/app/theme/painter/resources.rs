//! What the painter keeps on the graphics card: the pipeline and the last pictures.

use std::collections::VecDeque;

use eframe::wgpu;
use eframe::wgpu::util::DeviceExt;

use crate::app::picture::Picture;

/// Pictures that were sent to the card and are kept there: scrubbing through a strip sends each only once.
const PICTURES_MAX: usize = 96;

struct OnCard {
    id: u64,
    view: wgpu::TextureView,
    bytes: usize,
}

/// Bytes of pictures on the card.
const BYTES_MAX: usize = 192 << 20;

/// What the painter keeps on the card.
pub struct Resources {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    sampler: wgpu::Sampler,
    slots: Vec<Slot>,
    pictures: VecDeque<OnCard>,
}

/// What one of the pictures of a frame is drawn with.
struct Slot {
    uniforms: wgpu::Buffer,
    bound: Option<wgpu::BindGroup>,
}

impl Slot {
    fn new(device: &wgpu::Device) -> Self {
        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("canvas"),
            size: 48,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self { uniforms, bound: None }
    }
}

impl Resources {
    /// Makes the pipeline for a target.
    pub fn new(device: &wgpu::Device, format: wgpu::TextureFormat) -> Self {
        let shader = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("canvas"),
            source: wgpu::ShaderSource::Wgsl(include_str!("canvas.wgsl").into()),
        });
        let layout = device.create_bind_group_layout(&layout_descriptor());
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("canvas"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("canvas"),
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &shader,
                entry_point: Some("corner"),
                compilation_options: Default::default(),
                buffers: &[],
            },
            fragment: Some(wgpu::FragmentState {
                module: &shader,
                entry_point: Some("paint"),
                compilation_options: Default::default(),
                targets: &[Some(format.into())],
            }),
            primitive: Default::default(),
            depth_stencil: None,
            multisample: Default::default(),
            multiview_mask: None,
            cache: None,
        });
        let sampler = device.create_sampler(&wgpu::SamplerDescriptor {
            label: Some("canvas"),
            mag_filter: wgpu::FilterMode::Linear,
            min_filter: wgpu::FilterMode::Linear,
            ..Default::default()
        });
        Self { pipeline, layout, sampler, slots: Vec::new(), pictures: VecDeque::new() }
    }

    /// Uploads the pictures and the uniforms.
    pub fn prepare(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        slot: usize,
        pictures: [&Picture; 2],
        uniforms: &[f32; 12],
    ) {
        while self.slots.len() <= slot {
            self.slots.push(Slot::new(device));
        }
        queue.write_buffer(&self.slots[slot].uniforms, 0, bytemuck::cast_slice(uniforms));
        for picture in pictures {
            self.upload(device, queue, picture);
        }
        let [Some(beneath), Some(above)] = pictures.map(|picture| self.view(device, picture)) else {
            return;
        };
        let bound = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("canvas"),
            layout: &self.layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: self.slots[slot].uniforms.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: wgpu::BindingResource::Sampler(&self.sampler) },
                wgpu::BindGroupEntry { binding: 2, resource: wgpu::BindingResource::TextureView(beneath) },
                wgpu::BindGroupEntry { binding: 3, resource: wgpu::BindingResource::TextureView(above) },
            ],
        });
        self.slots[slot].bound = Some(bound);
    }

    /// A picture that was made on this card, or was sent to it.
    fn view<'a>(&'a self, device: &wgpu::Device, picture: &'a Picture) -> Option<&'a wgpu::TextureView> {
        let sent = || self.pictures.iter().find(|on_card| on_card.id == picture.id);
        match picture.on_card() {
            Some(on_card) => on_card.view(device),
            None => sent().map(|on_card| &on_card.view),
        }
    }

    /// Sends a picture that is not on the card.
    fn upload(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, picture: &Picture) {
        if picture.on_card().is_some() || self.pictures.iter().any(|on_card| on_card.id == picture.id) {
            return;
        }
        // What is shown was made to fit; a texture that the card refuses would be asked for each frame.
        if !picture.is_within(device.limits().max_texture_dimension_2d as usize) {
            return;
        }
        let frame = picture.on_host();
        let rgba: Vec<u8> = frame.rgb.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
        let texture = device.create_texture_with_data(
            queue,
            &wgpu::TextureDescriptor {
                label: Some("picture"),
                size: wgpu::Extent3d {
                    width: frame.width as u32,
                    height: frame.height as u32,
                    depth_or_array_layers: 1,
                },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: wgpu::TextureFormat::Rgba8Unorm,
                usage: wgpu::TextureUsages::TEXTURE_BINDING,
                view_formats: &[],
            },
            wgpu::util::TextureDataOrder::LayerMajor,
            &rgba,
        );
        let view = texture.create_view(&Default::default());
        self.pictures.push_back(OnCard { id: picture.id, view, bytes: rgba.len() });
        // Two must stay: both are about to be shown.
        while self.pictures.len() > 2
            && (self.pictures.len() > PICTURES_MAX
                || self.pictures.iter().map(|p| p.bytes).sum::<usize>() > BYTES_MAX)
        {
            self.pictures.pop_front();
        }
    }

    /// Draws the pictures that were last prepared for `slot` into `pass`.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'static>, slot: usize) {
        if let Some(bound) = self.slots.get(slot).and_then(|slot| slot.bound.as_ref()) {
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, bound, &[]);
            pass.draw(0..3, 0..1);
        }
    }
}

fn layout_descriptor() -> wgpu::BindGroupLayoutDescriptor<'static> {
    const fn entry(binding: u32, ty: wgpu::BindingType) -> wgpu::BindGroupLayoutEntry {
        // The vertex shader alone reads the uniforms; it says why.
        let visibility = if binding == 0 { wgpu::ShaderStages::VERTEX } else { wgpu::ShaderStages::FRAGMENT };
        wgpu::BindGroupLayoutEntry { binding, visibility, ty, count: None }
    }
    const TEXTURE: wgpu::BindingType = wgpu::BindingType::Texture {
        sample_type: wgpu::TextureSampleType::Float { filterable: true },
        view_dimension: wgpu::TextureViewDimension::D2,
        multisampled: false,
    };
    const UNIFORM: wgpu::BindingType = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    const ENTRIES: &[wgpu::BindGroupLayoutEntry] = &[
        entry(0, UNIFORM),
        entry(1, wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering)),
        entry(2, TEXTURE),
        entry(3, TEXTURE),
    ];
    wgpu::BindGroupLayoutDescriptor { label: Some("canvas"), entries: ENTRIES }
}
