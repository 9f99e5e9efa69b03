"""A fitted EncryptedClassifier for other libraries. Whitening and balance are in its coefficients already."""
import warnings

import numpy as np

# What users of an encoder call its last layer, by how its other tensors are called.
_LAYERS = {"blocks.": "head", "": "classifier"}


def _head(classifier):
    return classifier.report_["config"].get("head", "softmax")


def _name(c):
    """Of a class, as text."""
    try:
        return c.decode() if isinstance(c, bytes) else str(c)
    except UnicodeDecodeError as error:
        raise ValueError(f"the class {c!r}: bytes that are no UTF-8, which names of classes are there") from error


def require_probabilities(classifier):
    if _head(classifier) is None:
        raise AttributeError("this classifier has no probabilities: the model of scikit-learn's that it was made of has none, or "
                             "makes them otherwise")


def to_sklearn(classifier):
    """A model of scikit-learn's with the same scores. Of softmax LogisticRegression, and of sigmoid OneVsRestClassifier of
    that, with the same probabilities; of squared RidgeClassifier, which has none."""
    from sklearn.linear_model import LogisticRegression, RidgeClassifier
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import LabelBinarizer

    def name(model, classes):
        # Of some, in some versions, they follow from the binarizer.
        if not isinstance(getattr(type(model), "classes_", None), property):
            model.classes_ = classes

    def linear(model, coef, intercept, classes):
        model.coef_, model.intercept_ = coef.copy(), intercept.copy()
        name(model, classes)
        model.n_features_in_ = coef.shape[1]
        model.n_iter_ = np.full(1, classifier.n_iter_, np.int32)
        if hasattr(classifier, "feature_names_in_"):
            model.feature_names_in_ = classifier.feature_names_in_
        return model

    coef, intercept, classes = classifier.coef_, classifier.intercept_, classifier.classes_

    def named_binarizer(**settings):
        binarizer = LabelBinarizer(**settings).fit(classes)
        binarizer.classes_ = classes.copy()  # in the rows' order, as files have them: it sorts
        return binarizer

    if _head(classifier) in ("squared", None):
        model = linear(RidgeClassifier(), coef, intercept, classes)
        model._label_binarizer = named_binarizer(pos_label=1, neg_label=-1)
        return model
    if _head(classifier) == "sigmoid":
        model = OneVsRestClassifier(LogisticRegression())
        if len(classes) == 2:  # Each class's own score, as one is trained against the other.
            coef, intercept = coef / 2, intercept / 2
        model.estimators_ = [linear(LogisticRegression(), row[None], bias[None], np.array([0, 1]))
                             for row, bias in zip(coef, intercept)]
        model.label_binarizer_ = named_binarizer(sparse_output=True)
        name(model, classes)
        model.n_features_in_ = coef.shape[1]
        if hasattr(classifier, "feature_names_in_"):
            model.feature_names_in_ = classifier.feature_names_in_
        return model
    return linear(LogisticRegression(), coef, intercept, classes)


def fill(classifier, weights, bias, classes, head="softmax", steps=0):
    """Makes `classifier` one that was fitted. weights : classes x features."""
    classifier.classes_ = np.asarray(classes)
    classifier._weights, classifier._bias = np.array(weights, float), np.array(bias, float).ravel()
    if classifier._weights.ndim != 2 or classifier._bias.shape != (len(classifier._weights),) or (
            classifier.classes_.shape != classifier._bias.shape):
        raise ValueError(f"weights of {classifier._weights.shape}, bias of {classifier._bias.shape} and "
                         f"{len(classifier.classes_)} classes do not fit")
    classifier.coef_, classifier.intercept_ = classifier._weights, classifier._bias
    if len(classifier.classes_) == 2:
        classifier.coef_, classifier.intercept_ = np.diff(classifier._weights, axis=0), np.diff(classifier._bias)
    classifier.n_features_in_, classifier.n_iter_ = classifier._weights.shape[1], steps
    classifier.report_, classifier.rounds_ = {"config": {"head": head}}, []
    return classifier


def _head_of(model, classes):
    """What makes its probabilities of its scores; None: nothing that this package has."""
    from sklearn.linear_model import LogisticRegression, SGDClassifier

    if isinstance(model, SGDClassifier):
        return (None if model.loss != "log_loss" else "sigmoid" if classes > 2 else "softmax")
    if not isinstance(model, LogisticRegression):
        return None
    apart = getattr(model, "multi_class", None) == "ovr" or model.solver == "liblinear"
    return "sigmoid" if apart and classes > 2 else "softmax"


def _times(part):
    """Scores of two classes' only row that its probabilities are of. Of "multinomial", which scikit-learn before 1.8 has, both classes
    have a score, one the other's opposite."""
    return 2 if getattr(part, "multi_class", None) == "multinomial" and len(part.classes_) == 2 else 1


def _require_same(classifier, model, times):
    """ValueError unless it is at some points what the model is: coefficients may be those of pairs of classes, and classes those of
    labels of which a sample has several."""
    if not hasattr(model, "decision_function"):
        raise ValueError(f"{model}: it has no scores (decision_function), so that its classes do not follow from its coefficients")
    x = np.random.default_rng(0).normal(size=(64, classifier.n_features_in_))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the points have no columns' names
        chosen = model.predict(x)
        if chosen.shape != (len(x),):
            raise ValueError(f"{model}: a sample has several labels; expected a classifier that gives every sample one class")
        scores, expected = classifier.decision_function(x), times * np.asarray(model.decision_function(x))
        same = scores.shape == expected.shape and np.abs(scores - expected).max() <= 1e-4 * np.abs(expected).max()
        if same:  # Its class is the one with the largest score: classes of pairs are counted.
            own = x @ classifier._weights.T + classifier._bias
            of_chosen = own[classifier.classes_ == chosen[:, None]]
            same = of_chosen.shape == chosen.shape and (own.max(axis=1) - of_chosen).max() <= 1e-4 * np.abs(own).max()
        if same and _head(classifier) is not None:
            same = np.allclose(classifier.predict_proba(x), model.predict_proba(x), rtol=0, atol=1e-4)
    if not same:
        raise ValueError(f"{model}: its scores are not its coefficients times the features, one row of them a class, or its class is not that "
                         "of the largest score (rows may be those of pairs of classes); LogisticRegression, LinearSVC, SGDClassifier and "
                         "RidgeClassifier are such classifiers")


def from_sklearn(classifier, model):
    """Of a linear classifier of scikit-learn's that was fitted, or a OneVsRestClassifier of such."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.utils.validation import check_is_fitted

    parts = [model]
    if isinstance(model, OneVsRestClassifier):
        check_is_fitted(model, ["estimators_"])
        parts = model.estimators_
        if not all(hasattr(part, "coef_") for part in parts):
            raise ValueError(f"{model}: not every class has a linear classifier that was fitted")
        head = "sigmoid" if all(isinstance(part, LogisticRegression) for part in parts) else None
    else:
        check_is_fitted(model, ["coef_", "intercept_", "classes_"])
        head = _head_of(model, len(model.classes_))
    # Some versions have a single row without its dimension.
    times = _times(parts[0])
    weights = times * np.concatenate([np.atleast_2d(np.asarray(part.coef_, float)) for part in parts])
    bias = times * np.concatenate([np.broadcast_to(np.asarray(part.intercept_, float), np.atleast_2d(part.coef_).shape[:1])
                                   for part in parts])
    if len(model.classes_) == 2 and len(weights) == 1:
        other = -1 if head == "sigmoid" else 0
        weights, bias = np.concatenate([other * weights, weights]), np.concatenate([other * bias, bias])
        times *= 1 - other
    steps = [np.max(part.n_iter_) for part in parts if getattr(part, "n_iter_", None) is not None]
    fill(classifier, weights, bias, model.classes_, head, steps=int(max(steps, default=0)))
    _require_same(classifier, model, times)
    named = next((of for of in (model, parts[0]) if hasattr(of, "feature_names_in_")), None)
    if named is not None:
        classifier.feature_names_in_ = named.feature_names_in_.copy()
    return classifier


def load(classifier, path):
    """Of a model.npz of `finetune` or `decrypt`."""
    with np.load(path) as file:
        if "column_owners" in file:
            raise ValueError(f"{path} is on columns of several owners of a study, each whitened by its owner, which no array "
                             "has: a Study's save_partial_scores and combine_scores use it, or 'blindtuner study scores' and "
                             "'study combine'")
        classes = file["classes"] if "classes" in file else np.arange(len(file["weights"]))
        circuit = str(file["circuit"].ravel()[0]) if "circuit" in file else ""
        head = next((name for name in ("sigmoid", "squared") if circuit.startswith(name)), "softmax")
        fill(classifier, file["weights"], file["bias"], classes, head)
        # Of a table without names there are places alone, which no frame has.
        if "feature_names" in file and not str(file["feature_names"][0]).endswith(" without a name"):
            classifier.feature_names_in_ = file["feature_names"].astype(object)
        return classifier


def to_onnx(classifier, path=None, *, encoder=None, layer=None):
    """The classifier as an ONNX model with the input `features` and the outputs `label` and `probabilities`. Labels are whole
    numbers, of double precision or text, as classes are; bytes are UTF-8.

    path : a file it is written to.
    encoder : ONNX of the encoder, a model or a file, of opset 8 or later, whose first output is features, of single or half
        precision: both in one, with the encoder's inputs. The weights are called as its users expect: `layer`.weight and
        `layer`.bias ("head" or "classifier").
    """
    import onnx
    from onnx import TensorProto, compose, helper, numpy_helper

    require_probabilities(classifier)
    if encoder is not None and not isinstance(encoder, onnx.ModelProto):
        encoder = onnx.load(encoder)
    opset = 17
    if encoder is not None:
        opset = max((o.version for o in encoder.opset_import if o.domain in ("", "ai.onnx")), default=opset)
        if layer is None:
            names = [t.name for t in encoder.graph.initializer]
            layer = next(layer for start, layer in _LAYERS.items() if any(name.startswith(start) for name in names))
    layer = layer or "classifier"
    width, count = classifier.n_features_in_, len(classifier.classes_)
    of = classifier.classes_.dtype.kind
    kind = TensorProto.INT64 if of in "iub" else TensorProto.DOUBLE if of == "f" else TensorProto.STRING
    classes = [int(c) if of in "iub" else float(c) if of == "f" else _name(c).encode() for c in classifier.classes_]
    own = f"{layer}.{{}}".format  # names that no encoder has for its own
    came = encoder.graph.output[0].type.tensor_type.elem_type if encoder is not None else TensorProto.FLOAT
    nodes, x = [], "features"
    if came not in (TensorProto.FLOAT, TensorProto.UNDEFINED):  # an encoder of half precision
        nodes, x = [helper.make_node("Cast", [x], [own("features")], to=TensorProto.FLOAT)], own("features")
    nodes.append(helper.make_node("Gemm", [x, own("weight"), own("bias")], [own("scores")], transB=1))
    constants = [numpy_helper.from_array(classifier._weights.astype(np.float32), own("weight")),
                 numpy_helper.from_array(classifier._bias.astype(np.float32), own("bias")),
                 helper.make_tensor(own("classes"), kind, [count], classes)]
    if _head(classifier) == "softmax":
        nodes.append(helper.make_node("Softmax", [own("scores")], ["probabilities"], axis=1))
    else:  # in operators that are the same from opset 8 on
        if _head(classifier) == "sigmoid":
            nodes.append(helper.make_node("Sigmoid", [own("scores")], [own("shares")]))
        else:
            nodes += [helper.make_node("Max", [own("scores"), own("none")], [own("above")]),
                      helper.make_node("Min", [own("above"), own("all")], [own("shares")])]
            constants += [numpy_helper.from_array(np.float32(value), own(name)) for name, value in (("none", 1e-30), ("all", 1))]
        constants.append(numpy_helper.from_array(np.ones((count, 1), np.float32), own("ones")))
        nodes += [helper.make_node("MatMul", [own("shares"), own("ones")], [own("sum")]),
                  helper.make_node("Div", [own("shares"), own("sum")], ["probabilities"])]
    nodes += [helper.make_node("ArgMax", [own("scores")], [own("largest")], axis=1, keepdims=0),
              helper.make_node("Gather", [own("classes"), own("largest")], ["label"], axis=0)]
    graph = helper.make_graph(
        nodes, "blindtuner", [helper.make_tensor_value_info("features", came or TensorProto.FLOAT, ["samples", width])],
        [helper.make_tensor_value_info("label", kind, ["samples"]),
         helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["samples", count])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="blindtuner")
    model.ir_version = encoder.ir_version if encoder is not None else 8  # of opset 17
    if encoder is not None:
        names = {t.name for t in encoder.graph.initializer}
        if {f"{layer}.weight", f"{layer}.bias"} & names:
            raise ValueError(f"the encoder has a {layer}.weight already: export it without its head")
        model = compose.merge_models(encoder, model, io_map=[(encoder.graph.output[0].name, "features")])
    onnx.checker.check_model(model)
    if path is not None:
        onnx.save(model, path)
    return model


def to_safetensors(classifier, path, *, encoder=None, layer=None):
    """The classifier as the last layer of its encoder: `head.weight` and `head.bias` as timm calls them, or
    `classifier.weight` and `classifier.bias` as transformers' vision models do. Features are to be of the pooling "model".

    encoder : .safetensors of the encoder, whose tensors are written as well, a head that it had left out: a checkpoint that
        is loaded as the encoder's is, for as many classes.
    layer : "head" or "classifier"; None: as the encoder's tensors say, without one "classifier". "linear" is what
        sentence-transformers' Dense has, behind a sentence encoder.
    """
    from safetensors.numpy import load_file, save_file

    tensors = {}
    if encoder is not None:
        tensors = load_file(encoder)
        if layer is None:
            names = {name.split("model.", 1)[-1] for name in tensors}
            layer = next(layer for start, layer in _LAYERS.items() if any(name.startswith(start) for name in names))
    layer = layer or "classifier"
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(layer + ".")}
    tensors[f"{layer}.weight"] = np.ascontiguousarray(classifier._weights, np.float32)
    tensors[f"{layer}.bias"] = np.ascontiguousarray(classifier._bias, np.float32)
    save_file(tensors, path, metadata={"format": "pt", "classes": "\n".join(map(_name, classifier.classes_))})
