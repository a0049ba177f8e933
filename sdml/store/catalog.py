"""The versions of one collection in a store: publish, find, read with verification.

No locks and no conditional writes: a version's objects are written first and its manifest
last, ids do not collide, and what is complete is never written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sdml import __version__
from sdml.errors import IntegrityError, NotFoundError, StoreFullError
from sdml.store import layout, writing
from sdml.store.base import Store
from sdml.store.checkpoint import CheckpointSlot
from sdml.store.clock import StrictClock, utc_now
from sdml.store.files import digest, mapped_errors
from sdml.store.layout import MANIFEST, Kind
from sdml.store.manifest import CREATED, Manifest, ObjectRecord, plain
from sdml.store.newest import newest_first, none_fits
from sdml.store.scratch import process_scratch
from sdml.store.version import MISSING, Version, alike, difference, new_id

_READERS = 8


class Catalog:
    """One collection in a store. May be used from several threads.

    Args:
        store: where it lies.
        collection: its name.
        scratch: where objects that are not local are downloaded to; without one, a folder that
            this process removes at its end.
        clock: the time of creation of what is published, with its time zone.

    Raises:
        UserError: ``collection`` is no allowed name.
    """

    def __init__(
        self,
        store: Store,
        collection: str,
        scratch: Path | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        layout.check(layout.name_problem("a collection", collection))
        self.store = store
        self.collection = collection
        self.uri = f"{store.uri}/{collection}"
        self._scratch = scratch
        self._clock = clock if isinstance(clock, StrictClock) else StrictClock(clock)
        self._manifests: dict[str, Manifest] = {}  # by path: what is complete never changes
        self._verified: dict[tuple[str, str], Path] = {}

    def publish(
        self,
        kind: Kind,
        *,
        objects: writing.Objects,
        modality: str | None = None,
        id: str | None = None,  # noqa: A002  (the word used everywhere for it)
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
        made_from: Mapping[str, str] | None = None,
        reuse: bool = False,
    ) -> Version:
        """Write a version: its objects, then its manifest. Readers see all of it or nothing.

        Args:
            kind: what it is.
            objects: bytes, or files to copy, by name; sealed files are not read again to hash them,
                and not copied where another name for them will do.
            modality: for ``features`` and ``encoder``.
            id: only for what is named after its content; by default the time and a hash.
            seed: the seed that made it.
            settings: what else made it; anything that JSON can hold.
            made_from: paths of the versions that it was made from, by their role.
            reuse: write nothing if the newest version of this kind and modality has the same
                objects, ``settings`` and ``made_from``, as when a step is repeated.

        Returns:
            The new version; or the newest, with ``reuse``; or the one with this ``id`` that is
            there already, if its objects are the same.

        Raises:
            UserError: a name, a setting or a path that is not allowed; nothing was written.
            DataError: a file cannot be read, or changed meanwhile; no version was made.
            IntegrityError: a version with this ``id`` and other objects is there already.
            StoreError: the store failed; no version was made.
        """
        layout.check(
            layout.problem(kind, modality, id),
            *(layout.object_problem(name) for name in objects),
            *(layout.source_problem(role, path) for role, path in (made_from or {}).items()),
        )
        stamps = writing.stamps_of(objects)
        created = self._clock()
        manifest = Manifest(
            kind=kind,
            collection=self.collection,
            modality=modality,
            id=id or new_id(created),
            created=created.strftime(CREATED),
            software=f"sdml {__version__}",
            seed=seed,
            settings=plain(settings or {}),
            made_from=dict(sorted((made_from or {}).items())),
            objects=(),
        )
        found = self._same(manifest, objects, reuse=reuse, named=id is not None)
        if found is not None:
            return found
        try:
            records = writing.put_objects(self.store, self._key(manifest.path), objects)
        except StoreFullError:
            if id is None:  # else another process may be publishing the same
                writing.clear(
                    self.store, self._key(manifest.path), objects
                )  # not to fill it further
            raise
        writing.check_unchanged(objects, stamps)
        manifest = replace(manifest, objects=records)
        if id is not None:  # another process may have published it meanwhile
            existing = self._existing(manifest)
            if existing is not None:
                return existing
        self.store.put(self._key(f"{manifest.path}/{MANIFEST}"), manifest.to_json())
        self._manifests[manifest.path] = manifest
        return self._version(manifest)

    def versions(self, kind: Kind, modality: str | None = None) -> list[Version]:
        """The complete versions of a kind, of one modality or of all, oldest first.

        Raises:
            IntegrityError: a manifest is damaged; it is named.
        """
        return self._complete(self._folder(kind, modality))

    def newest_first(self, kind: Kind, modality: str | None = None) -> Iterator[Version]:
        """As :meth:`versions`, but the newest first, and each only read when it is asked for.

        Raises:
            IntegrityError: a manifest is damaged that had to be read; it is named.
        """
        folder = self._folder(kind, modality)
        if layout.has_modality(kind) and modality is None:
            return map(self._version, newest_first(self._paths(folder), self._known_or_read))
        # What is in each of them is not listed, so only reading tells which are complete.
        found = self.store.folders(self._key(folder))
        paths = [path for name in found if layout.parse_path(path := folder + name)]
        return map(self._version, newest_first(paths, self._read_if_there))

    def inventory(self) -> list[Version]:
        """Every complete version of every kind, oldest first.

        Raises:
            IntegrityError: a manifest is damaged; it is named.
        """
        return self._complete("")

    def modalities(self, kind: Kind) -> list[str]:
        """The modalities that have a complete version of this kind, sorted."""
        found = (layout.parse_path(path) for path in self._paths(f"{layout.kind_folder(kind)}/"))
        return sorted({parts[1] for parts in found if parts and parts[1] is not None})

    def latest(
        self,
        kind: Kind,
        modality: str | None = None,
        *,
        where: Callable[[Manifest], bool] | None = None,
    ) -> Version:
        """The complete version with the latest time of creation, among those ``where`` accepts.

        Raises:
            NotFoundError: there is none; the message says what there is and what makes one.
            IntegrityError: a manifest is damaged; it is named.
        """
        found = 0
        for version in self.newest_first(kind, modality):
            if where is None or where(version.manifest):
                return version
            found += 1
        there = self.modalities(kind) if not found and layout.has_modality(kind) else None
        raise none_fits(self.uri, kind, modality, found=found, modalities=there)

    def get(self, path_or_uri: str) -> Version:
        """The version at ``encoders/image/<id>``, or at its full URI in this collection.

        Raises:
            NotFoundError: not a version's name, one of another store or collection, or there
                is no complete version there.
            IntegrityError: its manifest is damaged.
        """
        path = path_or_uri.rstrip("/").removeprefix(f"{self.uri}/")
        if layout.parse_path(path) is None:
            raise NotFoundError(
                f"a version of {self.uri} is named {self.uri}/encoders/<modality>/<id> or "
                f"encoders/<modality>/<id>, and alike for other kinds: not {path_or_uri!r}"
            )
        try:
            return self._version(self._read_manifest(path))
        except NotFoundError as error:
            raise NotFoundError(
                f"{self.uri}/{path}: no complete version is there: check the id, or make it again"
            ) from error

    def read(self, version: Version, name: str) -> bytes:
        """The bytes of one object, verified.

        Raises:
            NotFoundError: the version has no object of this name.
            IntegrityError: missing, or not of the size or checksum that the manifest says.
        """
        record = self._record(version, name)
        try:
            data = self.store.get(self._key(f"{version.path}/{name}"))
        except NotFoundError as error:
            raise IntegrityError(f"{version.uri}/{name}: {MISSING}") from error
        _refuse(version, difference(record, *digest([data])), name)
        return data

    def local(self, version: Version, name: str) -> Path:
        """A file with one object, verified once; to be read or memory-mapped, never changed.

        Raises:
            NotFoundError: the version has no object of this name.
            IntegrityError: missing, or not of the size or checksum that the manifest says.
        """
        if (version.path, name) in self._verified:
            return self._verified[version.path, name]
        scratch = self._scratch or process_scratch()
        path, found = self._examine(version, self._record(version, name), scratch)
        _refuse(version, found, name)
        assert path is not None
        self._verified[version.path, name] = path
        return path

    def bring(self, version: Version, names: Iterable[str]) -> None:
        """As :meth:`local` for several objects at a time, so that each is at hand when asked for.

        Raises:
            NotFoundError, IntegrityError: as :meth:`local`.
        """
        with ThreadPoolExecutor(_READERS) as pool:
            for _ in pool.map(lambda name: self.local(version, name), names):
                pass

    def verify(self, version: Version) -> list[str]:
        """What is wrong with the version in the store, naming each object; empty when sound."""
        problems = []
        try:
            if self._read_manifest(version.path) != version.manifest:
                problems.append(f"{version.uri}/{MANIFEST}: not the manifest that was read before")
        except NotFoundError:
            problems.append(f"{version.uri}/{MANIFEST}: {MISSING}")
        except IntegrityError as error:
            problems.append(str(error))
        scratch = self._scratch or process_scratch()
        with mapped_errors(scratch):
            scratch.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=scratch) as temporary:
                records = version.manifest.objects
                with ThreadPoolExecutor(_READERS) as pool:
                    examined = pool.map(
                        lambda record: self._examine(version, record, Path(temporary))[1], records
                    )
                    for record, found in zip(records, examined, strict=True):
                        if found:
                            problems.append(f"{version.uri}/{record.name}: {found}")
        return problems

    def checkpoint(self, name: str) -> CheckpointSlot:
        """The slot ``checkpoints/<name>`` of this collection.

        Raises:
            StoreAccessError: ``name`` cannot be part of a key.
        """
        return CheckpointSlot(self.store, self._key(f"{layout.CHECKPOINTS}/{name}"))

    def forget(self, path: str) -> None:
        """Hold no longer in memory what was read of a version; its objects may be gone."""
        self._manifests.pop(path, None)
        for known in [known for known in self._verified if known[0] == path]:
            del self._verified[known]

    def _folder(self, kind: Kind, modality: str | None) -> str:
        folder = layout.kind_folder(kind)
        if modality is None:
            return f"{folder}/"
        layout.check(layout.problem(kind, modality))
        return f"{folder}/{modality}/"

    def _key(self, path: str) -> str:
        return f"{self.collection}/{path}"

    def _version(self, manifest: Manifest) -> Version:
        path = manifest.path
        return Version(manifest=manifest, path=path, uri=f"{self.uri}/{path}")

    def _paths(self, prefix: str) -> list[str]:
        """The paths under ``prefix`` that have a manifest."""
        keys = (found.key for found in self.store.list(self._key(prefix)))
        folders = (
            key.removeprefix(f"{self.collection}/").removesuffix(f"/{MANIFEST}")
            for key in keys
            if key.endswith(f"/{MANIFEST}")
        )
        return [path for path in folders if layout.parse_path(path) is not None]

    def _complete(self, prefix: str) -> list[Version]:
        with ThreadPoolExecutor(_READERS) as pool:
            read = pool.map(self._known_or_read, self._paths(prefix))
            found = [manifest for manifest in read if manifest]
        return [self._version(m) for m in sorted(found, key=lambda m: (m.created, m.id, m.path))]

    def _read_if_there(self, path: str) -> Manifest | None:
        try:
            return self._read_manifest(path)
        except NotFoundError:  # not complete, or deleted since it was listed
            return None

    def _known_or_read(self, path: str) -> Manifest | None:
        return self._manifests.get(path) or self._read_if_there(path)

    def _read_manifest(self, path: str) -> Manifest:
        where = f"{self.uri}/{path}/{MANIFEST}"
        manifest = Manifest.from_json(self.store.get(self._key(f"{path}/{MANIFEST}")), where)
        if (manifest.collection, manifest.path) != (self.collection, path):
            raise IntegrityError(
                f"{where}: a manifest says where it lies, and this one says "
                f"{manifest.collection}/{manifest.path}: was it copied by hand?"
            )
        self._manifests[path] = manifest
        return manifest

    def _same(
        self, manifest: Manifest, objects: writing.Objects, *, reuse: bool, named: bool
    ) -> Version | None:
        """What is there already and holds the same.

        Files are only read for it if something of the same sizes is there: else the store hashes
        them while it takes them, and one reading is enough.
        """
        newest = next(self.newest_first(manifest.kind, manifest.modality), None) if reuse else None
        if newest and not alike(newest.manifest, manifest, objects):
            newest = None
        if not newest and not named:
            return None
        manifest = replace(manifest, objects=writing.read_records(objects))
        if newest and newest.manifest.objects == manifest.objects:
            return newest
        return self._existing(manifest) if named else None

    def _existing(self, manifest: Manifest) -> Version | None:
        """The complete version that already has this path, if its objects are the same."""
        try:
            found = self._read_manifest(manifest.path)
        except NotFoundError:
            return None
        if found.objects != manifest.objects:
            raise IntegrityError(
                f"{self.uri}/{manifest.path}: a version is never overwritten, and one with other "
                f"objects is there: publish under another id"
            )
        return self._version(found)

    def _record(self, version: Version, name: str) -> ObjectRecord:
        for record in version.manifest.objects:
            if record.name == name:
                return record
        names = ", ".join(record.name for record in version.manifest.objects)
        raise NotFoundError(f"{version.uri}: it has no object {name!r}, only: {names}")

    def _examine(
        self, version: Version, record: ObjectRecord, scratch: Path
    ) -> tuple[Path | None, str | None]:
        """The object as a file, and what is wrong with it or None."""
        try:
            key = self._key(f"{version.path}/{record.name}")
            path, found = self.store.fetch(key, scratch)
        except NotFoundError:
            return None, MISSING
        return path, difference(record, *found)


def _refuse(version: Version, found: str | None, name: str) -> None:
    if found is not None:
        raise IntegrityError(f"{version.uri}/{name}: {found}")
