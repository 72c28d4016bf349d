/* What tests need to know of the driver's structures, since Python cannot read the header. */
#include "firebrick.h"

void shim_sizes(size_t *sizes);
void shim_counters(const fb_board *board, uint32_t *counters);

void shim_sizes(size_t *sizes)
{
    sizes[0] = sizeof(fb_board);
    sizes[1] = sizeof(fb_config);
    sizes[2] = sizeof(fb_frame);
    sizes[3] = sizeof(fb_info);
    sizes[4] = sizeof(fb_statistics);
}

void shim_counters(const fb_board *board, uint32_t *counters)
{
    counters[0] = board->heard;
    counters[1] = board->damaged;
    counters[2] = board->returned;
    counters[3] = board->resent;
    counters[4] = board->resets;
}
