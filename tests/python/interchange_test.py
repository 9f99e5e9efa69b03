"""Trained classifiers in other libraries: the same predictions there. What is not installed is shown as skipped."""
import copy
import json
import subprocess
import sys
import tempfile
import unittest
import warnings
from pathlib import Path

from python_base import OWNER, SERVER, main, need

need("sklearn")
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, LogisticRegressionCV, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC, LinearSVC, NuSVC

from blindtuner import EncryptedClassifier, FeatureExtractor

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "app"))
from extract_test import WIDTH, png, tiny_bert, tiny_model  # noqa: E402

NAMES = np.array(["setosa", "versicolor", "virginica"])


def module(case, name):
    try:
        return __import__(name)
    except ImportError:
        case.skipTest(f"{name} is not there")


class Interchange(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="blindtuner-interchange-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        x, y = load_iris(return_X_y=True)
        cls.x = x.astype(np.float32)

        def fitted(labels, rows=slice(None), **settings):
            return EncryptedClassifier(2, preset="fast", validation_fraction=0, parameters="InsecureTest10", random_state=1,
                                       progress=False, **settings).fit(cls.x[rows], labels[rows])
        cls.three = fitted(NAMES[y])
        cls.two = fitted(y, slice(100))
        cls.two_apart = fitted(y, slice(100), head="sigmoid")
        cls.heads = {head: fitted(y, head=head) for head in ("sigmoid", "squared")}

    def every(self):
        return [self.three, self.two, *self.heads.values()]

    def test_scikit_learns_own_models(self):
        for classifier in self.every():
            model = classifier.to_sklearn()
            self.assertEqual(model.predict(self.x).tolist(), classifier.predict(self.x).tolist())
            np.testing.assert_allclose(model.decision_function(self.x), classifier.decision_function(self.x), atol=1e-4)
            if hasattr(model, "predict_proba"):
                np.testing.assert_allclose(model.predict_proba(self.x), classifier.predict_proba(self.x), atol=1e-4)
            self.assertIsNot(type(model), EncryptedClassifier)
            again = EncryptedClassifier.from_sklearn(model)
            np.testing.assert_allclose(again.decision_function(self.x), classifier.decision_function(self.x), atol=1e-4)
        # Of two classes each one's own score, which both halves of the training leave opposite to each other.
        two = self.two_apart
        model = two.to_sklearn()
        self.assertEqual(model.predict(self.x).tolist(), two.predict(self.x).tolist())
        np.testing.assert_allclose(model.predict_proba(self.x), two.predict_proba(self.x), atol=1e-3)
        again = EncryptedClassifier.from_sklearn(model)
        np.testing.assert_allclose(again.decision_function(self.x), two.decision_function(self.x), atol=1e-4)

    def test_from_scikit_learns(self):
        x, y = self.x.astype(float), load_iris(return_X_y=True)[1]
        # Which newer versions do not have.
        apart = {"multi_class": "ovr"} if "multi_class" in LogisticRegression().get_params() else {}
        models = [(LogisticRegression(max_iter=500), 1), (LogisticRegression(max_iter=500, **apart), 1),
                  (OneVsRestClassifier(LogisticRegression()), 2), (SGDClassifier(loss="log_loss", random_state=0), 1), (RidgeClassifier(), 1),
                  (OneVsRestClassifier(RidgeClassifier()), 1), (LinearSVC(), 1), (SGDClassifier(random_state=0), 1)]
        for rows in (slice(None), slice(100)):
            for model, of_two in models:
                with self.subTest(model=model, rows=rows), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model.fit(x[rows], NAMES[y][rows])
                    classifier = EncryptedClassifier.from_sklearn(model)
                    self.assertEqual(classifier.predict(x).tolist(), model.predict(x).tolist())
                    times = of_two if rows == slice(100) else 1
                    np.testing.assert_allclose(classifier.decision_function(x),
                                               times * model.decision_function(x), atol=1e-4)
                    if hasattr(model, "predict_proba"):
                        np.testing.assert_allclose(classifier.predict_proba(x), model.predict_proba(x), atol=1e-6)
                    else:  # none are made up
                        with self.assertRaisesRegex(AttributeError, "has no probabilities"):
                            classifier.predict_proba(x)
                        self.assertFalse(hasattr(classifier.to_sklearn(), "predict_proba"))
        with self.assertRaises(ValueError):
            EncryptedClassifier.from_sklearn(LogisticRegression())

    @unittest.skipUnless("multi_class" in LogisticRegression().get_params(), "this scikit-learn has no multi_class")
    def test_from_scikit_learns_multinomial_of_two_classes(self):
        x, y = self.x.astype(float), load_iris(return_X_y=True)[1]
        both = {"multi_class": "multinomial"}
        for model, labels, times in ((LogisticRegression(**both), y == 2, 2), (LogisticRegressionCV(cv=3, **both), y == 2, 2),
                                     (OneVsRestClassifier(LogisticRegression(**both)), y, 2),
                                     (OneVsRestClassifier(LogisticRegression(**both)), y == 2, 4)):
            with self.subTest(model=model), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(x, labels)
                classifier = EncryptedClassifier.from_sklearn(model)
                self.assertEqual(classifier.predict(x).tolist(), model.predict(x).tolist())
                np.testing.assert_allclose(classifier.predict_proba(x), model.predict_proba(x), atol=1e-6)
                np.testing.assert_allclose(classifier.decision_function(x), times * model.decision_function(x), atol=1e-4)

    def test_what_is_no_linear_classifier_of_one_class_a_sample_is_refused(self):
        x, y = self.x.astype(float), load_iris(return_X_y=True)[1]
        several = np.c_[y == 0, y > 0, x[:, 0] > 5.5].astype(int)
        for model, labels, said in ((SVC(kernel="linear"), y, "pairs of classes"), (NuSVC(kernel="linear", nu=0.2), y, "pairs of classes"),
                                    *((of(kernel="linear", decision_function_shape="ovo"), y, "pairs of classes") for of in (SVC, NuSVC)),
                                    (OneVsRestClassifier(LogisticRegression(max_iter=500)), several, "several labels"),
                                    (RidgeClassifier(), several, "several labels"),
                                    (OneVsRestClassifier(LinearRegression()), y == 2, "has no scores")):
            with self.subTest(model=model), self.assertRaisesRegex(ValueError, said):
                EncryptedClassifier.from_sklearn(model.fit(x, labels))
        for shape in ("ovr", "ovo"):  # one row, of the only pair
            two = SVC(kernel="linear", decision_function_shape=shape).fit(x, y == 2)
            self.assertEqual(EncryptedClassifier.from_sklearn(two).predict(x).tolist(), two.predict(x).tolist())

    def test_columns_names_go_along(self):
        names = np.array(["a", "b", "c", "d"], object)
        model = LogisticRegression(max_iter=500).fit(self.x, load_iris(return_X_y=True)[1])
        apart = OneVsRestClassifier(LogisticRegression(max_iter=500)).fit(self.x, load_iris(return_X_y=True)[1])
        self.assertFalse(hasattr(EncryptedClassifier.from_sklearn(model), "feature_names_in_"))
        for of in (model, *apart.estimators_):  # what it has been fitted on is a frame, then
            of.feature_names_in_ = names
        for of in (model, apart):
            classifier = EncryptedClassifier.from_sklearn(of)
            self.assertEqual(classifier.feature_names_in_.tolist(), names.tolist())
            self.assertEqual(classifier.to_sklearn().feature_names_in_.tolist(), names.tolist())
        with self.subTest("a frame"):
            pandas = module(self, "pandas")
            frame = pandas.DataFrame(self.x, columns=names)
            self.assertEqual(classifier.predict(frame).tolist(), apart.predict(frame).tolist())
            with self.assertRaisesRegex(ValueError, "feature names should match"):
                classifier.predict(frame[["b", "a", "c", "d"]])

    def test_classes_in_another_order_than_texts_are_sorted(self):
        rng = np.random.default_rng(0)
        for classes in (["2", "9", "10"], ["9", "10"]):
            for head in ("softmax", "sigmoid", "squared"):
                with self.subTest(classes=classes, head=head):
                    path = self.folder / "order.npz"
                    np.savez(path, weights=rng.normal(size=(len(classes), 4)), bias=rng.normal(size=(len(classes), 1)), classes=classes,
                             circuit=[head])
                    classifier = EncryptedClassifier.load(path)
                    model = classifier.to_sklearn()
                    for of in (model, EncryptedClassifier.from_sklearn(model)):
                        self.assertEqual(of.predict(self.x).tolist(), classifier.predict(self.x).tolist())

    def test_of_the_commands_file(self):
        x, y = self.x, load_iris(return_X_y=True)[1]
        np.savez(self.folder / "f.npz", features=x, labels=NAMES[y])
        subprocess.run([OWNER, "finetune", "--features", self.folder / "f.npz", "--out", self.folder / "out", "--preset",
                        "fast", "--steps", "2", "--parameters", "InsecureTest10", "--allow-insecure-parameters", "--quiet",
                        "--server", SERVER, "--head", "sigmoid"], check=True, capture_output=True)
        classifier = EncryptedClassifier.load(self.folder / "out" / "model.npz")
        with np.load(self.folder / "out" / "model.npz") as file:
            np.savez(self.folder / "of-a-study.npz", **file, column_owners=np.repeat("lab", file["weights"].shape[1]))
        with self.assertRaisesRegex(ValueError, "columns of several owners of a study"):
            EncryptedClassifier.load(self.folder / "of-a-study.npz")
        self.assertEqual(classifier.classes_.tolist(), NAMES.tolist())
        self.assertGreater(classifier.score(x, NAMES[y]), 0.8)
        with np.load(self.folder / "out" / "model.npz") as file:
            np.testing.assert_allclose(classifier.decision_function(x), x @ file["weights"].T + file["bias"].ravel(), atol=1e-4)
        odds = 1 / (1 + np.exp(-classifier.decision_function(x)))
        np.testing.assert_allclose(classifier.predict_proba(x), odds / odds.sum(axis=1, keepdims=True), atol=1e-6)

    def of_classes(self, classes):
        classifier = copy.copy(self.three)
        classifier.classes_ = classes
        return classifier

    def test_onnx(self):
        onnx, runtime = module(self, "onnx"), module(self, "onnxruntime")
        for classifier in self.every():
            path = self.folder / "head.onnx"
            classifier.to_onnx(path)
            session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            label, probabilities = session.run(None, {"features": self.x})
            self.assertEqual(label.tolist(), classifier.predict(self.x).tolist())
            np.testing.assert_allclose(probabilities, classifier.predict_proba(self.x), atol=1e-5)
        # Labels are the classes, of whatever kind.
        for classes in (np.array([b"a", "\u00e9".encode(), b"c"]), np.array([1.0, 2.0, 4.0]), np.array([3, 4, 7], np.uint8)):
            classifier = self.of_classes(classes)
            session = runtime.InferenceSession(classifier.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"])
            label, = session.run(["label"], {"features": self.x})
            expected = [c.decode() if isinstance(c, bytes) else c for c in classifier.predict(self.x).tolist()]
            self.assertEqual(label.tolist(), expected)
        with self.assertRaisesRegex(ValueError, "no UTF-8"):
            self.of_classes(np.array([b"a", b"b", b"\xff"])).to_onnx()
        # Behind an encoder, here of one layer, of opsets and precisions that exports have and with a name that the head might
        # have.
        from onnx import TensorProto, helper, numpy_helper
        matrix = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float16)
        pixels = np.random.default_rng(1).normal(size=(20, 7)).astype(np.float16)
        features = pixels.astype(np.float32) @ matrix.astype(np.float32)
        for opset, kind, out in ((15, np.float32, "pooled"), (9, np.float32, "scores"), (13, np.float16, "features")):
            with self.subTest(opset=opset):
                tensor = TensorProto.FLOAT if kind is np.float32 else TensorProto.FLOAT16
                encoder = helper.make_model(helper.make_graph(
                    [helper.make_node("MatMul", ["pixels", "blocks.0.weight"], [out])], "encoder",
                    [helper.make_tensor_value_info("pixels", tensor, ["n", 7])],
                    [helper.make_tensor_value_info(out, tensor, ["n", 4])],
                    [numpy_helper.from_array(matrix.astype(kind), "blocks.0.weight")]),
                    opset_imports=[helper.make_opsetid("", opset)])
                encoder.ir_version = 8
                for classifier in self.every():
                    both = classifier.to_onnx(encoder=encoder)
                    self.assertLessEqual({"head.weight", "head.bias"}, {t.name for t in both.graph.initializer})
                    session = runtime.InferenceSession(both.SerializeToString(), providers=["CPUExecutionProvider"])
                    label, probabilities = session.run(["label", "probabilities"], {"pixels": pixels.astype(kind)})
                    # Half precision rounds a feature by 2^-11 of it.
                    tolerance = 1e-5 if kind is np.float32 else 0.02
                    np.testing.assert_allclose(probabilities, classifier.predict_proba(features), atol=tolerance)
                    if kind is np.float32:
                        self.assertEqual(label.tolist(), classifier.predict(features).tolist())

    def fitted_on(self, X, y):
        return EncryptedClassifier(2, preset="fast", validation_fraction=0, parameters="InsecureTest10", random_state=1,
                                   progress=False).fit(X, y)

    def pictures(self):
        """Three colours, and files of them."""
        files = [self.folder / "images" / "rgb"[i % 3] / f"{i}.png" for i in range(60)]
        for i, file in enumerate(files):
            png(file, 32, 32, np.eye(3, dtype=int)[i % 3] * 200)
        return files, np.array([file.parent.name for file in files])

    def pictures_classifier(self):
        """Of the tiny vision transformer's features."""
        model = self.folder / "tiny.safetensors"
        tiny_model(model)
        files, y = self.pictures()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the tiny model has no settings beside it
            X = FeatureExtractor(model).transform(files)
        self.assertEqual(X.shape, (60, WIDTH))
        return model, files, X, self.fitted_on(X, y)

    def assert_same(self, scores, classifier, X):
        """Another library's scores of the same samples; sums of numbers of 32 bits."""
        self.assertEqual(classifier.classes_[scores.argmax(axis=1)].tolist(), classifier.predict(X).tolist())
        np.testing.assert_allclose(scores, classifier.decision_function(X), rtol=0, atol=1e-3)

    def test_safetensors(self):
        module(self, "safetensors")
        from safetensors import safe_open
        from safetensors.numpy import load_file
        self.of_classes(np.array([b"a", b"b", b"c"])).to_safetensors(self.folder / "bytes.safetensors")
        with safe_open(self.folder / "bytes.safetensors", "numpy") as file:
            self.assertEqual(file.metadata()["classes"], "a\nb\nc")
        model, files, X, classifier = self.pictures_classifier()
        for layer in ("head", "classifier"):
            classifier.to_safetensors(self.folder / "head.safetensors", layer=layer)
            tensors = load_file(self.folder / "head.safetensors")
            self.assertEqual(set(tensors), {f"{layer}.weight", f"{layer}.bias"})
            scores = X @ tensors[f"{layer}.weight"].T + tensors[f"{layer}.bias"]
            self.assertEqual(classifier.classes_[scores.argmax(axis=1)].tolist(), classifier.predict(X).tolist())
        # With the encoder: still one that features are made with, and now of three classes.
        whole = self.folder / "whole.safetensors"
        classifier.to_safetensors(whole, encoder=model)
        self.assertEqual(set(load_file(whole)) - set(load_file(model)), {"head.weight", "head.bias"})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            np.testing.assert_array_equal(FeatureExtractor(whole).transform(files), X)

    def test_timm_runs_it(self):
        timm, torch, _ = module(self, "timm"), module(self, "torch"), module(self, "torchvision")
        from PIL import Image
        from safetensors.torch import load_file
        model, files, X, classifier = self.pictures_classifier()
        classifier.to_safetensors(self.folder / "whole.safetensors", encoder=model)
        settings = {"img_size": 32, "patch_size": 16, "embed_dim": WIDTH, "depth": 1, "num_heads": 1}
        network = timm.models.VisionTransformer(num_classes=3, **settings).eval()
        tensors = load_file(self.folder / "whole.safetensors")
        network.load_state_dict(tensors)
        prepared = timm.data.create_transform((3, 32, 32), interpolation="bicubic", crop_pct=32 / 35)
        pixels = torch.stack([prepared(Image.open(file).convert("RGB")) for file in files])
        with torch.no_grad():
            self.assert_same(network(pixels).numpy(), classifier, X)
        # Its encoder in ONNX, with the head in place.
        _, runtime = module(self, "onnx"), module(self, "onnxruntime")
        encoder = timm.models.VisionTransformer(num_classes=0, **settings).eval()
        encoder.load_state_dict({name: tensor for name, tensor in tensors.items() if not name.startswith("head.")})
        torch.onnx.export(encoder, pixels[:2], str(self.folder / "encoder.onnx"), input_names=["pixels"],
                          output_names=["pooled"], dynamic_axes={name: {0: "n"} for name in ("pixels", "pooled")},
                          opset_version=17)
        classifier.to_onnx(self.folder / "tuned.onnx", encoder=self.folder / "encoder.onnx")
        session = runtime.InferenceSession(str(self.folder / "tuned.onnx"), providers=["CPUExecutionProvider"])
        label, probabilities = session.run(["label", "probabilities"], {"pixels": pixels.numpy()})
        self.assertEqual(label.tolist(), classifier.predict(X).tolist())
        np.testing.assert_allclose(probabilities, classifier.predict_proba(X), atol=1e-4)

    def test_transformers_run_it(self):
        transformers, torch = module(self, "transformers"), module(self, "torch")
        from PIL import Image
        base, tuned = self.folder / "base", self.folder / "tuned"
        torch.manual_seed(0)
        config = transformers.ViTConfig(hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
                                        image_size=32, patch_size=16, num_labels=2)
        transformers.ViTForImageClassification(config).save_pretrained(base)
        preparation = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
        preparation.save_pretrained(base)
        files, y = self.pictures()
        X = FeatureExtractor(base).transform(files)
        classifier = self.fitted_on(X, y)
        config.num_labels = 3
        config.save_pretrained(tuned)
        classifier.to_safetensors(tuned / "model.safetensors", encoder=base / "model.safetensors")
        network, loading = transformers.ViTForImageClassification.from_pretrained(tuned, output_loading_info=True)
        self.assertEqual((list(loading["missing_keys"]), list(loading["unexpected_keys"])), ([], []))
        with torch.no_grad():
            scores = network.eval()(**preparation([Image.open(file) for file in files], return_tensors="pt")).logits.numpy()
        self.assert_same(scores, classifier, X)

    def test_sentence_transformers_run_it(self):
        module(self, "sentence_transformers")
        import torch
        from safetensors.torch import load_file
        from sentence_transformers import SentenceTransformer, models
        model = self.folder / "bert"
        tiny_bert(model)
        settings = json.loads((model / "config.json").read_text())  # what transformers takes from nowhere else
        (model / "config.json").write_text(json.dumps({**settings, "max_position_embeddings": 16, "intermediate_size": 256,
                                                         "num_hidden_layers": 1}))
        texts = [f"{word} the {other}" for word in ("play", "book", "song") for other in ("table", "song", "a song", "play")]
        y = np.array([text.split()[0] for text in texts])
        X = FeatureExtractor(model).transform(texts)
        classifier = self.fitted_on(X, y)
        classifier.to_safetensors(self.folder / "dense.safetensors", layer="linear")
        dense = models.Dense(X.shape[1], 3, activation_function=torch.nn.Identity())
        dense.load_state_dict(load_file(self.folder / "dense.safetensors"))
        both = SentenceTransformer(modules=[*SentenceTransformer(str(model), device="cpu"), dense], device="cpu")
        self.assert_same(both.encode(texts), classifier, X)


if __name__ == "__main__":
    main()
