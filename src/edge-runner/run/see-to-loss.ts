import type { Logger } from 'pino';
import type { CriClient } from '../cri/cri-client.ts';
import type { PulledImages } from '../pod/pulled-images.ts';
import { CopiedPulls, type PullStore } from '../store/copied-pulls.ts';
import type { EdgeStore } from '../store/edge-store.ts';
import { forgetLoss, lostPulls, wasLost } from '../store/lost-store.ts';
import { StandInStore } from '../store/stand-in-store.ts';
import { removeCheckpoints } from '../streams/checkpoint-files.ts';

interface LossOptions {
  store: EdgeStore;
  pulls: PullStore;
  storeFile: string;
  checkpointDir: string;
  cri: Pick<CriClient, 'listImages'>;
  pulled: Pick<PulledImages, 'requireProof'>;
  log: Pick<Logger, 'error' | 'warn'>;
}

/**
 * After a store was lost, and before pods start: checkpoints go, for they may be another site's, and
 * what is known of image pulls is put in order. Where the copy of them is this site's, all is as it was.
 * Else any pod must prove by a pull that it may have an image that was pulled, or where nobody knows
 * which were, any that the device has by now. It is done again at the next start until the new store
 * has it.
 * @throws CriError
 */
export async function seeToLoss(options: LossOptions): Promise<void> {
  const { store, pulls, storeFile, cri, pulled, log } = options;
  const isUnread = store instanceof StandInStore && store.isUnread;
  const copied = pulls instanceof CopiedPulls ? pulls : undefined;
  if (!wasLost(storeFile) && !isUnread) {
    copied?.settle();
    return;
  }
  await removeCheckpoints(options.checkpointDir, log);
  const wasKept = copied?.wasKept === true;
  const known = isUnread ? undefined : lostPulls(storeFile);
  const keys = known ?? (wasKept ? [] : (await cri.listImages({})).images.map(({ id }) => id));
  const isKept = pulled.requireProof(keys) && copied?.settle() !== false;
  if (!wasKept) {
    log.warn(
      { images: keys.length },
      'a store was lost, and with it who pulled which image: each pod has to pull those again',
    );
  }
  if (!isKept || isUnread) return;
  try {
    forgetLoss(storeFile);
  } catch (err) {
    log.warn({ err }, 'the note of a lost store can not be removed');
  }
}
