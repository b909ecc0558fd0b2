"""Everything of a daemon that has to do with keys, made together and closed together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nvmed.devices.inventory import Inventory
from nvmed.keyring import kernel, rotation_dhchap, rotation_recovery
from nvmed.keyring import recovery as key_recovery
from nvmed.keyring.files import KeySources
from nvmed.keyring.keyring import Keyring
from nvmed.keyring.paths import Fabrics, Paths
from nvmed.keyring.rotation import TlsRotations
from nvmed.keyring.rotation_dhchap import DhchapRotations
from nvmed.keyring.store import KeyStore
from nvmed.keys.kernel import KeyService
from nvmed.linux import keyctl
from nvmed.linux.key_thread import KeyThread
from nvmed.operations.manager import Reconcile
from nvmed.preconditions.exclusion import Exclusion


@dataclass(frozen=True, slots=True)
class Keys:
    """What KeyService is made of."""

    keyring: Keyring
    tls_rotations: TlsRotations
    dhchap_rotations: DhchapRotations
    store: KeyStore
    paths: Paths
    thread: KeyThread

    @classmethod
    def make(
        cls,
        inventory: Inventory,
        exclusion: Exclusion,
        fabrics: Fabrics | None,
        *,
        sources: KeySources,
        state_dir: Path,
        service: KeyService = keyctl,
    ) -> Keys:
        """All of it. `fabrics` is None where drives are simulated, whose connections are not this kernel's; `service`
        has the keyrings.

        Keys of `sources` are inserted inside `async with keys.store.serving()`.
        """
        thread = KeyThread(partial(kernel.use, service))
        keyring = Keyring(thread)
        paths = Paths(inventory, fabrics)
        return cls(
            keyring=keyring,
            tls_rotations=TlsRotations(keyring, paths, exclusion),
            dhchap_rotations=DhchapRotations(paths, exclusion),
            store=KeyStore(keyring, sources, state_dir),
            paths=paths,
            thread=thread,
        )

    def reconcilers(self) -> Mapping[str, Reconcile]:
        """How operations on keys are reconciled."""
        return {
            **key_recovery.reconcilers(self.keyring),
            **rotation_recovery.reconcilers(self.keyring, self.paths),
            **rotation_dhchap.reconcilers(),
        }

    def close(self) -> None:
        """End the threads; what is queued on the key thread is finished first."""
        self.paths.close()
        self.thread.close()
