/** Words in the memory of an instance of C tasks that its loop checks read (src/isolated/isolated.h), as offsets from the flag. */

/** The tag of the task that is to end, with STOP_MARK as in a thread's record. */
export const STOP = 4;
/** The tag of the task that runs. */
export const TAG = 8;
/** Stays 0. */
export const INSIDE = 12;
