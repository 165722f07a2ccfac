/* Online bin packing with bins counted by their free room, which is all that a priority of (item, room) can tell apart.

   `order` has a row for each item size: the rooms where it fits, the best first, ended by 0. A room of `capacity` is a
   new bin, of which there are always more. Returns how many bins are in use. */
int pack(int count, const int *items, int capacity, const int *order)
{
    int open[4096] = {0}, bins = 0;
    for (int at = 0; at < count; at++) {
        const int *rooms = order + (long)items[at] * (capacity + 2);
        while (*rooms != capacity && !open[*rooms])
            rooms++;
        if (*rooms == capacity)
            bins++;
        else
            open[*rooms]--;
        open[*rooms - items[at]]++;
    }
    return bins;
}
