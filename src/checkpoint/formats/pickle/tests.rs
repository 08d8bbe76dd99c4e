//! The pickle reader against hand-written programs.

use super::*;

fn fails(program: &[u8]) -> PickleError {
    read(program).unwrap_err()
}

#[test]
fn numbers_of_every_protocol() {
    let program = b"(I-5\nI01\nL12L\nF2.5\nJ\xff\xff\xff\xffK\x07M\x01\x02\x8a\x01\x80G?\xf8\0\0\0\0\0\0Nt.";
    let pickle = read(program).unwrap();
    let Value::Tuple(parts) = pickle.root() else { panic!("{:?}", pickle.root()) };
    let found: Vec<_> = parts.iter().map(|part| pickle.value(*part).clone()).collect();
    let expected = [
        Value::Int(-5),
        Value::Bool(true),
        Value::Int(12),
        Value::Float(2.5),
        Value::Int(-1),
        Value::Int(7),
        Value::Int(513),
        Value::Int(-128),
        Value::Float(1.5),
        Value::None,
    ];
    assert_eq!(found, expected);
    assert_eq!(pickle.length, program.len());
}

#[test]
fn texts_of_every_protocol() {
    let program = b"(S'a'\nVb\nU\x01cT\x01\0\0\0dX\x01\0\0\0e\x8c\x01f\x8d\x01\0\0\0\0\0\0\0gt.";
    let pickle = read(program).unwrap();
    let Value::Tuple(parts) = pickle.root() else { panic!("{:?}", pickle.root()) };
    let text: String = parts.iter().map(|part| pickle.text(*part).unwrap()).collect();
    assert_eq!(text, "abcdefg");
}

#[test]
fn calls_are_refused_by_name() {
    let asks = |name: &str| PickleError::AsksToRun(name.into());
    assert_eq!(fails(b"cposix\nsystem\n(S'x'\ntR."), asks("posix.system"));
    assert_eq!(fails(b"cbuiltins\neval\n(S'x'\ntR."), asks("builtins.eval"));
    assert_eq!(fails(b"\x80\x04\x8c\x02os\x8c\x06system\x93)R."), asks("os.system"));
    assert_eq!(fails(b"(S'x'\nios\nsystem\n."), asks("os.system"));
    assert_eq!(fails(b"(csubprocess\nPopen\nS'x'\no."), asks("subprocess.Popen"));
    assert_eq!(fails(b"csubprocess\nPopen\n)\x81."), asks("subprocess.Popen"));
    assert_eq!(fails(b"ctorch.hub\nload\n)R."), asks("torch.hub.load"));
    assert_eq!(fails(b"cbuiltins\nset\n)R)R."), asks("the result of another call"));
}

#[test]
fn a_call_hidden_in_a_tensor_subclass_is_refused() {
    let program = b"ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\nNS'x'\n\x85NtR.";
    assert_eq!(fails(program), PickleError::AsksToRun("os.system".into()));
}

#[test]
fn classes_are_data() {
    let program = b"}cpytorch_lightning.callbacks\nModelCheckpoint\n}S'monitor'\nS'loss'\nss.";
    let pickle = read(program).unwrap();
    assert_eq!(pickle.items(pickle.root_handle()).unwrap().len(), 1);
    let instance = read(b"cmy.project\nConfig\n)\x81}S'a'\nK\x01sb.").unwrap();
    assert_eq!(instance.root(), &Value::Object { items: Vec::new() });
}

#[test]
fn a_storage_reference_is_checked() {
    let program = b"(S'storage'\nctorch\nHalfStorage\nS'0'\nS'cpu'\nK\x06tQ.";
    let pickle = read(program).unwrap();
    assert!(matches!(pickle.root(), Value::Storage(storage) if storage.count == 6 && storage.key == "0"));
    assert!(matches!(
        fails(b"(S'storage'\ncmine\nHalfStorage\nS'0'\nS'cpu'\nK\x06tQ."),
        PickleError::Malformed(_)
    ));
    assert!(matches!(fails(b"NQ."), PickleError::Malformed(_)));
}

#[test]
fn lengths_are_not_believed() {
    assert_eq!(fails(b"X\xff\xff\xff\xffabc"), PickleError::CutOff);
    assert_eq!(fails(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc"), PickleError::CutOff);
    assert_eq!(fails(b"\x8b\xff\xff\xff\x7f"), PickleError::CutOff);
    assert_eq!(fails(b""), PickleError::CutOff);
    assert_eq!(fails(b"Vno line end"), PickleError::CutOff);
}

#[test]
fn broken_programs_are_refused() {
    for program in [
        &b"."[..],
        b"0.",
        b"t.",
        b"R.",
        b"}K\x01s.",
        b"(.",
        b"g5\n.",
        b"h\x05.",
        b"\x86.",
        b"Ns.",
        b"(K\x01d.",
        b"\x80\x09.",
        b"\x97.",
        b"q\x00.",
        b"2.",
        b"b.",
        b"\x93.",
        b"(K\x01(Q.",
        b"K\x01(0\x85Q.",
    ] {
        assert!(matches!(fails(program), PickleError::Malformed(_)), "{program:?}");
    }
}
