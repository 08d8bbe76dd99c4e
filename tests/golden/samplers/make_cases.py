"""Records trajectories of samplers over a made-up denoiser: tests/golden/samplers/cases.safetensors.

    pip install torch numpy scipy safetensors tqdm diffusers==0.42.1 torchsde==0.2.6
    pip install --no-deps k-diffusion==0.1.1.post1
    python make_cases.py cases.safetensors STEPS B,C,H,W SEED

The committed file has 6 steps, shape 2,3,2,5 and seed 20. Of k-diffusion only `sampling` and `external` are
loaded; what else its package imports is not needed.
"""

import importlib, importlib.machinery, inspect, json, math, sys, types

import numpy as np
import torch
from safetensors.torch import save_file
from scipy import stats

torch.set_num_threads(1)


def k_diffusion():
    """k-diffusion's two modules, without the rest of its package."""
    path = next(
        p
        for p in map(lambda p: p + "/k_diffusion", sys.path)
        if importlib.machinery.PathFinder.find_spec("sampling", [p])
    )
    package = types.ModuleType("k_diffusion")
    package.__path__ = [path]
    utils = types.ModuleType("k_diffusion.utils")
    utils.append_dims = lambda x, n: x[(...,) + (None,) * (n - x.ndim)]
    package.utils = utils
    ode = types.ModuleType("torchdiffeq")
    ode.odeint = None
    sys.modules.update({"k_diffusion": package, "k_diffusion.utils": utils, "torchdiffeq": ode})
    return importlib.import_module("k_diffusion.sampling"), importlib.import_module("k_diffusion.external")


S, X = k_diffusion()
out, steps, shape, seed = (
    sys.argv[1],
    int(sys.argv[2]),
    tuple(map(int, sys.argv[3].split(","))),
    int(sys.argv[4]),
)
g = torch.Generator().manual_seed(seed)
T = {}
T["x_T"] = torch.randn(shape, generator=g)
T["noise_pool"] = torch.randn((3 * steps + 4,) + shape, generator=g)
T["x0_img2img"] = torch.randn(shape, generator=g) * 0.8
# CompVis computes in f64 and stores f32; diffusers computes all of it in f32.
ac = torch.tensor(np.cumprod(1 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2), dtype=torch.float32)
ac32 = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2, 0)
T["alphas_cumprod"], T["alphas_cumprod_f32"] = ac, ac32


def toy(z, t):
    t = torch.as_tensor(t, dtype=torch.float32).reshape(-1, *([1] * (z.ndim - 1)))
    return 0.7 * z * torch.sin(0.01 * t + 0.3) + 0.1 * z**2 / (1 + z**2)


C = {}


class Pool:
    def __init__(s):
        s.k = 0

    def __call__(s, *a, **k):
        z = T["noise_pool"][s.k]
        s.k += 1
        return z


def kd(name, fn, kind="uniform", discard=False, quantize=False, v=False, kw={}, strength=None):
    tc = []

    class M:
        alphas_cumprod = ac

        def apply_model(self, x, t, cond=None, **k):
            tc.append(float(t.reshape(-1)[0]))
            return toy(x, t.float())

    D = (X.CompVisVDenoiser if v else X.CompVisDenoiser)(M(), quantize=quantize)
    model = (lambda x, s, **k: D(x, s, cond=None)) if v else D
    n = steps + (1 if discard else 0)
    smin, smax = float(D.sigmas[0]), float(D.sigmas[-1])
    sig = {
        "uniform": lambda: D.get_sigmas(n),
        "karras": lambda: S.get_sigmas_karras(n, smin, smax),
        "exp": lambda: S.get_sigmas_exponential(n, smin, smax),
    }[kind]()
    if discard:
        sig = torch.cat([sig[:-2], sig[-1:]])
    x = T["x_T"] * sig[0]
    if strength is not None:
        te = int(min(strength, 0.999) * steps)
        sig = sig[steps - te - 1 :]
        x = T["x0_img2img"] + sig[0] * T["x_T"]
    P = Pool()
    xs = []
    ps = []
    cb = lambda d: (xs.append(d["x"].clone()), ps.append(d["denoised"].clone()))
    args = dict(kw)
    if "noise_sampler" in inspect.signature(fn).parameters:
        args["noise_sampler"] = P
    old = torch.randn_like
    torch.randn_like = P
    try:
        r = fn(model, x, sig, callback=cb, disable=True, **args)
    finally:
        torch.randn_like = old
    xs.append(r)
    T[name + "/sigmas"] = sig.float()
    T[name + "/t_called"] = torch.tensor(tc)
    T[name + "/x"] = torch.stack(xs)
    T[name + "/pred_x0"] = torch.stack(ps)
    C[name] = dict(
        calls=len(tc),
        draws=P.k,
        fn=fn.__name__,
        kw={k: str(v) if not isinstance(v, str) else v for k, v in kw.items()},
        note="",
        quantize=quantize,
        v=v,
    )


kd("kd_euler", S.sample_euler)
kd("kd_euler_karras", S.sample_euler, "karras")
kd("kd_euler_quantize", S.sample_euler, quantize=True)
kd("kd_euler_v", S.sample_euler, v=True)
kd("kd_euler_churn", S.sample_euler, kw=dict(s_churn=4.0))
kd("kd_euler_a", S.sample_euler_ancestral)
kd("kd_euler_a_eta05", S.sample_euler_ancestral, kw=dict(eta=0.5))
kd("kd_heun", S.sample_heun)
kd("kd_heun_churn_karras", S.sample_heun, "karras", kw=dict(s_churn=3.0, s_noise=1.01))
kd("kd_dpm2_discard", S.sample_dpm_2, discard=True)
kd("kd_dpm2_a_discard", S.sample_dpm_2_ancestral, discard=True)
kd("kd_lms", S.sample_lms)
kd("kd_dpmpp_2m", S.sample_dpmpp_2m)
kd("kd_dpmpp_2m_karras", S.sample_dpmpp_2m, "karras")
kd("kd_dpmpp_2s_a_karras", S.sample_dpmpp_2s_ancestral, "karras")
kd("kd_dpmpp_sde_karras", S.sample_dpmpp_sde, "karras")
kd("kd_dpmpp_2m_sde_karras", S.sample_dpmpp_2m_sde, "karras")
kd("kd_dpmpp_2m_sde_heun_exp", S.sample_dpmpp_2m_sde, "exp", kw=dict(solver_type="heun"))
kd("kd_dpmpp_3m_sde_exp_discard", S.sample_dpmpp_3m_sde, "exp", discard=True)
kd("kd_dpm2_churn_karras_discard", S.sample_dpm_2, "karras", discard=True, kw=dict(s_churn=2.0))
kd("kd_a1111_img2img06_euler", S.sample_euler, strength=0.6)
# brownian
sig = S.get_sigmas_karras(steps, float(((1 - ac[0]) / ac[0]) ** 0.5), float(((1 - ac[-1]) / ac[-1]) ** 0.5))
for seed_ in [1, 2**33 + 5]:
    N = S.BrownianTreeNoiseSampler(T["x_T"], sig[sig > 0].min(), sig.max(), seed=seed_)
    a = []
    b = []
    c = []
    for i in range(steps - 1):
        m = (sig[i].log().neg() + 0.5 * (sig[i + 1].log().neg() - sig[i].log().neg())).neg().exp()
        a.append(N(sig[i], sig[i + 1]))
        b.append(N(sig[i], m))
        c.append(N(sig[i], sig[i + 1]))
    p = "kd_brownian_seed%d" % seed_
    T[p + "/karras"], T[p + "/sde_first"], T[p + "/sde_second"] = (
        torch.stack(a),
        torch.stack(b),
        torch.stack(c),
    )
# schedules
sigs = ((1 - ac) / ac) ** 0.5
DS = X.DiscreteSchedule(sigs, False)
smin, smax = float(sigs[0]), float(sigs[-1])
T["sg_karras"] = S.get_sigmas_karras(steps, smin, smax)
T["sg_karras_%d" % (steps + 1)] = S.get_sigmas_karras(steps + 1, smin, smax)
T["sg_karras_old_01_10"] = S.get_sigmas_karras(steps, 0.1, 10.0)
T["sg_exponential"] = S.get_sigmas_exponential(steps, smin, smax)
T["sg_polyexponential"] = S.get_sigmas_polyexponential(steps, smin, smax)
T["sg_uniform"] = DS.get_sigmas(steps)
T["sg_normal"] = DS.get_sigmas(steps).clone()
T["sg_uniform_%d" % (steps + 1)] = DS.get_sigmas(steps + 1)
T["sg_sgm_uniform"] = S.append_zero(DS.t_to_sigma(torch.linspace(999, 0, steps + 1)[:-1]))
T["sg_simple"] = torch.tensor([float(sigs[-(1 + int(i * 1000 / steps))]) for i in range(steps)] + [0.0])
k = max(1000 // steps, 1)
T["sg_ddim_uniform"] = torch.tensor([float(sigs[i]) for i in range(1, 1000, k)][::-1] + [0.0])
T["sg_beta"] = torch.tensor(
    [smin + float(stats.beta.ppf(x, 0.6, 0.6)) * (smax - smin) for x in 1 - np.linspace(0, 1, steps)] + [0.0]
)
T["sg_kl_optimal"] = torch.tensor(
    [math.tan(i / steps * math.atan(smin) + (1 - i / steps) * math.atan(smax)) for i in range(steps + 1)]
)
ays = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029]
xs = np.linspace(0, 1, len(ays))
ys = np.log(ays[::-1])
T["sg_align_your_steps"] = torch.tensor(
    list(np.exp(np.interp(np.linspace(0, 1, steps), xs, ys))[::-1]) + [0.0], dtype=torch.float32
)
import diffusers

base = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")


def df(name, cls, cfg={}, kw={}, strength=None, toyv=False, setkw={}):
    sch = getattr(diffusers, cls)(**base, **cfg)
    P = Pool()
    mod = sys.modules[type(sch).__module__]
    old = getattr(mod, "randn_tensor", None)
    mod.randn_tensor = lambda *a, **k: P()
    sch.set_timesteps(steps, **setkw)
    ts = sch.timesteps
    order = getattr(sch, "order", 1)
    x = T["x_T"] * sch.init_noise_sigma
    ini = float(sch.init_noise_sigma)
    if strength is not None:
        it = min(int(steps * strength), steps)
        st = max(steps - it, 0)
        ts = ts[st * order :]
        if hasattr(sch, "set_begin_index"):
            sch.set_begin_index(st * order)
        x = sch.add_noise(T["x0_img2img"], T["x_T"], ts[:1].repeat(shape[0]))
    xs = [x]
    ps = []
    mi = []
    es = []
    for t in ts:
        z = sch.scale_model_input(x, t)
        e = toy(z, float(t))
        mi.append(z.clone())
        es.append(e)
        vp = cls in ("DPMSolverMultistepScheduler", "UniPCMultistepScheduler")
        if vp:
            if sch.step_index is None:
                sch._init_step_index(t)
            p = sch.convert_model_output(e, sample=x)
        o = sch.step(e, t, x, **kw)
        if not vp:
            p = getattr(o, "pred_original_sample", None)
            if p is None:
                p = getattr(o, "denoised", None)
            if p is None:
                if cls == "TCDScheduler":
                    a = ac32[int(t)]
                    p = (x - (1 - a) ** 0.5 * e) / a**0.5
                else:
                    # SDE etc
                    s = ((z.double() / x.double()) ** -2 - 1).abs().mean().sqrt().float()
                    p = x - s * e
        ps.append(p)
        x = o.prev_sample
        xs.append(x)
    if old is not None:
        mod.randn_tensor = old
    T[name + "/timesteps"] = ts.float().clone()
    if hasattr(sch, "sigmas") and cls not in (
        "LCMScheduler",
        "TCDScheduler",
        "DDPMScheduler",
        "DDIMScheduler",
    ):
        s = sch.sigmas.float()
        if strength is not None:
            s = s[st * order :]
        T[name + "/sigmas"] = s.clone()
    T[name + "/x"] = torch.stack(xs)
    T[name + "/pred_x0"] = torch.stack(ps)
    T[name + "/model_input"] = torch.stack(mi)
    T[name + "/eps"] = torch.stack(es)
    C[name] = dict(
        calls=len(ts),
        cls=cls,
        config={k: v for k, v in dict(sch.config).items() if not k.startswith("_")},
        draws=P.k,
        init_noise_sigma=ini,
        note="",
        step_kw=kw,
        strength=strength,
    )


E_ = "EulerDiscreteScheduler"
M_ = "DPMSolverMultistepScheduler"
U_ = "UniPCMultistepScheduler"
df("df_euler", E_)
df("df_euler_leading_off1", E_, dict(timestep_spacing="leading", steps_offset=1))
df("df_euler_trailing", E_, dict(timestep_spacing="trailing"))
df("df_euler_karras", E_, dict(use_karras_sigmas=True))
df("df_euler_exp_trailing", E_, dict(use_exponential_sigmas=True, timestep_spacing="trailing"))
df("df_euler_beta", E_, dict(use_beta_sigmas=True))
df("df_euler_v", E_, dict(prediction_type="v_prediction"))
df("df_euler_a", "EulerAncestralDiscreteScheduler")
df("df_heun", "HeunDiscreteScheduler")
df("df_dpmpp_2m", M_)
df("df_dpmpp_2m_karras", M_, dict(use_karras_sigmas=True))
df("df_dpmpp_2m_v", M_, dict(prediction_type="v_prediction"))
df("df_dpmpp_2m_trailing", M_, dict(timestep_spacing="trailing"))
df("df_dpmpp_2m_leading", M_, dict(timestep_spacing="leading", steps_offset=1))
df("df_dpmpp_2m_sigma_min", M_, dict(final_sigmas_type="sigma_min"))
df("df_dpmpp_2m_sde_karras", M_, dict(use_karras_sigmas=True, algorithm_type="sde-dpmsolver++"))
df("df_unipc_bh2", U_)
df("df_unipc_v_karras", U_, dict(prediction_type="v_prediction", use_karras_sigmas=True))
df("df_unipc_bh2_o3", U_, dict(solver_order=3))
df("df_unipc_bh1_o3_sigma_min", U_, dict(solver_order=3, solver_type="bh1", final_sigmas_type="sigma_min"))
df("df_dpmpp_sde_karras_seed1", "DPMSolverSDEScheduler", dict(use_karras_sigmas=True, noise_sampler_seed=1))
df("df_lcm", "LCMScheduler", dict(clip_sample=False))
df("df_tcd_eta03", "TCDScheduler", dict(clip_sample=False), dict(eta=0.3))
df("df_tcd_eta0", "TCDScheduler", dict(clip_sample=False), dict(eta=0.0))
df("df_ddpm", "DDPMScheduler", dict(clip_sample=False))
df("df_ddpm_trailing", "DDPMScheduler", dict(clip_sample=False, timestep_spacing="trailing"))
df("df_ddim_leading_off1", "DDIMScheduler", dict(clip_sample=False, set_alpha_to_one=False, steps_offset=1))
df("df_ddim_trailing", "DDIMScheduler", dict(clip_sample=False, timestep_spacing="trailing"))
df("df_euler_img2img06", E_, strength=0.6)
df("df_dpmpp_2m_img2img06", M_, strength=0.6)


def clean(o):
    if isinstance(o, float) and math.isinf(o):
        return "-inf" if o < 0 else "inf"
    return o


for c in C.values():
    if "config" in c:
        c["config"] = {k: clean(v) for k, v in c["config"].items()}
C["versions"] = {}
save_file({k: v.contiguous().clone().float() for k, v in T.items()}, out, metadata={"cases": json.dumps(C)})
print(out, len(T), "tensors")
