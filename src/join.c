/*
 * join.c
 *		A join that waits once: rows that ask 100ms for rows each.
 *
 * In a nested loop each row of the outer relation waits for its own request.
 * Here some rows of it are taken at a time, what they ask for is under way
 * together, and what comes back is joined in the order of the outer rows, so
 * that rows, order and errors are those of the nested loop.  Rows that ask for
 * the same are answered by one walk, as far as work_mem has room for its rows.
 *
 * The node has one child, the outer plan.  The inner relation is read by
 * readers of its own (reader.c), one for each row of the window; what a child
 * would have checked, its conditions and those of the join, the node checks.
 * Its tuple is that of the outer plan and behind it the inner columns, so the
 * arguments of the requests, which look at outer columns, are evaluated over a
 * tuple whose outer half is filled.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "optimizer/tlist.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"

#include "compat.h"
#include "fdw.h"
#include "join.h"
#include "query.h"
#include "reader.h"
#include "settings.h"
#include "scan.h"

typedef struct HmsJoinPath
{
	CustomPath	path;			/* must be first; its child is the outer path */
	JoinType	type;
	Path	   *inner;			/* of ours, which takes values of the outer rows */
	int			front;			/* whose it is */
	List	   *conditions;		/* RestrictInfos of the join */
} HmsJoinPath;

/* plan->custom_exprs */
#define FRONT_EXPRS 0			/* those of the inner relation's front */
#define JOIN_QUALS 1

/* plan->custom_private */
#define JOIN_TYPE 0
#define OUTER_COLUMNS 1
#define FRONT 2
#define KEPT_BY_FRONT 3

/* What may stand in front of the inner relation's readers. */
static const HmsFront *const fronts[] = {&hms_scan_front, &hms_fdw_front};

/* The rows that came for one request, for whoever asked for it. */
typedef struct Answer
{
	uint64		key[2];			/* of its request */
	HmsReader  *reader;			/* NULL: it has been read to its end */
	bool		kept;			/* its rows are here, from the first on */
	MinimalTuple *rows;
	int			nrows;
	int			size;
	int			users;			/* rows of the window that look at it */
} Answer;

/* A row of the outer relation that is in the window. */
typedef struct Asker
{
	MinimalTuple row;
	Answer	   *answer;
	int			next;			/* row of the answer to look at next */
	bool		matched;
} Asker;

typedef struct HmsJoin
{
	CustomScanState css;		/* must be first */
	JoinType	type;
	int			nouter;			/* columns of the outer plan in the tuple */
	HmsReading	reading;
	ExprState  *joinqual;
	HmsReads	reads;			/* by who reads the join */
	dlist_head	group;			/* of walks that go on together */
	TupleTableSlot *outer;		/* the row at the front of the window */
	TupleTableSlot *newest;		/* a row that comes into it */
	TupleTableSlot *stored;		/* a kept row */
	MemoryContext context;		/* of answers and askers; reset by a rescan */
	HTAB	   *answers;		/* by their keys */
	Size		kept;			/* bytes of rows that are kept */
	Asker	   *window;			/* a ring ... */
	int			size;			/* ... with room for so many, */
	int			width;			/* of which so many are used, */
	int			first;			/* from this one on */
	int			count;			/* there are so many now */
	bool		outer_ended;
	bool		front_done;		/* the front row is to be left */
	List	   *idle;			/* readers that nobody uses */
	List	   *readers;		/* all of them */
} HmsJoin;

static set_join_pathlist_hook_type next_hook = NULL;

static Plan *plan_join(PlannerInfo *root, RelOptInfo *rel, CustomPath *path,
					   List *tlist, List *clauses, List *custom_plans);
static Node *create_join(CustomScan *plan);
static void begin_join(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_join(CustomScanState *node);
static void rescan_join(CustomScanState *node);
static void end_join(CustomScanState *node);
static void explain_join(CustomScanState *node, List *ancestors, ExplainState *es);

static const CustomPathMethods path_methods = {
	.CustomName = "hms join",
	.PlanCustomPath = plan_join
};

static const CustomScanMethods plan_methods = {
	.CustomName = "hms join",
	.CreateCustomScanState = create_join
};

static const CustomExecMethods exec_methods = {
	.CustomName = "hms join",
	.BeginCustomScan = begin_join,
	.ExecCustomScan = exec_join,
	.ReScanCustomScan = rescan_join,
	.EndCustomScan = end_join,
	.ExplainCustomScan = explain_join
};

/* --- planning -------------------------------------------------------------------- */

/* Are rows only read, and none of them locked, so that none is looked at again? */
static bool
only_reads(const PlannerInfo *root)
{
	for (; root; root = root->parent_root)
	{
		if ((root->parse->commandType != CMD_SELECT &&
			 root->parse->commandType != CMD_INSERT) || root->rowMarks != NIL)
			return false;
	}
	return true;
}

/*
 * Is there an expression that has to be made where the node would not make it:
 * of the inner relation and NULL where an outer row finds none, or of more than
 * the outer relation and taken by the inner one?
 */
static bool
has_unfit_placeholder(const PlannerInfo *root, const RelOptInfo *outer,
					  const Path *inner, JoinType type)
{
	ListCell   *cell;

	foreach(cell, root->placeholder_list)
	{
		const PlaceHolderInfo *info = lfirst_node(PlaceHolderInfo, cell);

		if (type != JOIN_INNER &&
			bms_is_subset(info->ph_eval_at, inner->parent->relids))
			return true;
		if (bms_is_subset(info->ph_eval_at, PATH_REQ_OUTER(inner)) &&
			bms_overlap(info->ph_eval_at, outer->relids) &&
			!bms_is_subset(info->ph_eval_at, outer->relids))
			return true;
	}
	return false;
}

/* How many different requests the outer rows make. */
static double
count_requests(PlannerInfo *root, const Path *outer, const Path *inner)
{
	List	   *values = list_copy(inner->parent->lateral_vars);
	List	   *asked = NIL;
	ListCell   *cell;

	foreach(cell, inner->param_info->ppi_clauses)
		values = list_concat(values,
							 pull_var_clause((Node *) lfirst_node(RestrictInfo, cell)->clause,
											 PVC_RECURSE_PLACEHOLDERS));
	foreach(cell, values)
	{
		Node	   *value = lfirst(cell);

		if (bms_is_subset(pull_varnos(root, value), outer->parent->relids))
			asked = lappend(asked, value);
	}
	return asked == NIL ? 1 :
		estimate_num_groups(root, asked, clamp_row_est(outer->rows), NULL, NULL);
}

/* Which front owns this path; -1: none, it is not ours. */
static int
front_of(const Path *path)
{
	for (int i = 0; i < (int) lengthof(fronts); i++)
	{
		if (fronts[i]->owns(path))
			return i;
	}
	return -1;
}

/* Offer the node for these two paths. */
static void
add_join(PlannerInfo *root, RelOptInfo *rel, Path *outer, Path *inner,
		 JoinType type, JoinPathExtraData *extra)
{
	HmsJoinPath   *join;
	CustomPath *path;
	Relids		required;
	List	   *conditions = list_copy(extra->restrictlist);
	double		rounds;
	QualCost	quals;

	required = calc_nestloop_required_outer(outer->parent->relids, PATH_REQ_OUTER(outer),
											inner->parent->relids, PATH_REQ_OUTER(inner));
	if (required && !bms_overlap(required, extra->param_source_rels))
		return;

	join = (HmsJoinPath *) newNode(sizeof(HmsJoinPath), T_CustomPath);
	path = &join->path;
	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.param_info = get_joinrel_parampathinfo(root, rel, outer, inner,
													  extra->sjinfo, required,
													  &conditions);
	path->path.rows = path->path.param_info ? path->path.param_info->ppi_rows : rel->rows;
	path->path.pathkeys = build_join_pathkeys(root, rel, type, outer->pathkeys);
	path->flags = HMS_CUSTOM_PATH_PROJECTS;
	path->custom_paths = list_make1(outer);
	path->methods = &path_methods;
	hms_custom_path_conditions(path, conditions);
	join->type = type;
	join->inner = inner;
	join->front = front_of(inner);
	join->conditions = conditions;

	/* what waits for an answer waits for as many as there are at a time */
	rounds = ceil(count_requests(root, outer, inner) / hms_max_connections);
	cost_qual_eval(&quals, conditions, root);
	path->path.startup_cost = outer->startup_cost + inner->startup_cost +
		quals.startup + rel->reltarget->cost.startup;
	path->path.total_cost = outer->total_cost + rounds * inner->total_cost +
		quals.startup + rel->reltarget->cost.startup +
		outer->rows * inner->rows * (cpu_tuple_cost + quals.per_tuple) +
		path->path.rows * rel->reltarget->cost.per_tuple;
	add_path(rel, &path->path);
}

/* Consider the node for a join whose inner side is a scan of ours. */
static void
consider_join(PlannerInfo *root, RelOptInfo *rel, RelOptInfo *outer,
			  RelOptInfo *inner, JoinType type, JoinPathExtraData *extra)
{
	List	   *inner_paths = NIL;
	ListCell   *outer_cell;
	ListCell   *cell;

	if (next_hook)
		next_hook(root, rel, outer, inner, type, extra);
	if ((type != JOIN_INNER && type != JOIN_LEFT && type != JOIN_SEMI) ||
		inner->reloptkind != RELOPT_BASEREL || !only_reads(root))
		return;
	foreach(cell, inner->pathlist)
	{
		Path	   *path = lfirst(cell);

		if (bms_overlap(PATH_REQ_OUTER(path), outer->relids) && front_of(path) >= 0 &&
			!has_unfit_placeholder(root, outer, path, type))
			inner_paths = lappend(inner_paths, path);
	}
	if (inner_paths == NIL)
		return;
	foreach(outer_cell, outer->pathlist)
	{
		Path	   *path = lfirst(outer_cell);

		if (bms_overlap(PATH_REQ_OUTER(path), inner->relids))
			continue;
		foreach(cell, inner_paths)
			add_join(root, rel, path, lfirst(cell), type, extra);
	}
}

/* Add what is to be checked to the list, in the order of its security levels. */
static List *
actual_clauses(PlannerInfo *root, List *conditions)
{
	List	   *clauses = NIL;

	for (Index level = 0; level <= root->qual_security_level; level++)
	{
		ListCell   *cell;

		foreach(cell, conditions)
		{
			RestrictInfo *condition = lfirst_node(RestrictInfo, cell);

			if (condition->security_level == level && !condition->pseudoconstant)
				clauses = lappend(clauses, condition->clause);
		}
	}
	return clauses;
}

/*
 * Name the columns in these expressions as others do.  A Var tells which outer
 * joins may have made it null (from PostgreSQL 16 on), which above this join and
 * in its conditions is not the same; but the tuple that both look at has a
 * column once, and by one name.
 */
static void
name_alike(List *exprs, List *others)
{
	List	   *vars = pull_var_clause((Node *) exprs, PVC_RECURSE_PLACEHOLDERS);
	ListCell   *cell;
	ListCell   *other;

	foreach(cell, vars)
		foreach(other, others)
	{
		Var		   *var = lfirst_node(Var, cell);
		const Var  *name = lfirst(other);

		if (IsA(name, Var) && name->varno == var->varno &&
			name->varattno == var->varattno && name->varlevelsup == var->varlevelsup)
			*var = *name;
	}
}

static Plan *
plan_join(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
		  List *clauses pg_attribute_unused(), List *custom_plans)
{
	const HmsJoinPath *join = (const HmsJoinPath *) path;
	const RelOptInfo *inner = join->inner->parent;
	Plan	   *outer = linitial(custom_plans);
	CustomScan *plan = makeNode(CustomScan);
	List	   *front_exprs;
	List	   *kept_by_front;
	List	   *matching;		/* decide whether rows belong together */
	List	   *filtering = NIL;	/* are looked at when that is decided */
	List	   *looked_at;
	List	   *columns = NIL;
	ListCell   *cell;

	matching = list_union_ptr(inner->baserestrictinfo,
							  join->inner->param_info->ppi_clauses);
	kept_by_front = fronts[join->front]->to_plan(root, join->inner->parent, matching,
												 &front_exprs);
	foreach(cell, join->conditions)
	{
		RestrictInfo *condition = lfirst_node(RestrictInfo, cell);

		if (IS_OUTER_JOIN(join->type) && RINFO_IS_PUSHED_DOWN(condition, rel->relids))
			filtering = lappend(filtering, condition);
		else
			matching = list_append_unique_ptr(matching, condition);
	}
	matching = copyObject(actual_clauses(root, matching));
	filtering = actual_clauses(root, filtering);
	front_exprs = copyObject(front_exprs);

	/* the columns of the inner relation */
	looked_at = list_concat_copy(rel->reltarget->exprs, filtering);
	looked_at = pull_var_clause((Node *) looked_at, PVC_RECURSE_PLACEHOLDERS);
	name_alike(matching, looked_at);
	looked_at = list_concat(looked_at, pull_var_clause((Node *) matching, PVC_RECURSE_PLACEHOLDERS));
	foreach(cell, looked_at)
	{
		Var		   *var = lfirst_node(Var, cell);

		if ((Index) var->varno == inner->relid && var->varlevelsup == 0)
			columns = list_append_unique(columns, var);
	}
	foreach(cell, outer->targetlist)
	{
		Expr	   *expr = lfirst_node(TargetEntry, cell)->expr;

		plan->custom_scan_tlist =
			lappend(plan->custom_scan_tlist,
					makeTargetEntry(copyObject(expr),
									foreach_current_index(cell) + 1, NULL, false));
	}
	name_alike(front_exprs, get_tlist_exprs(plan->custom_scan_tlist, true));
	name_alike(matching, get_tlist_exprs(plan->custom_scan_tlist, true));
	foreach(cell, columns)
		plan->custom_scan_tlist =
			lappend(plan->custom_scan_tlist,
					makeTargetEntry(lfirst(cell),
									list_length(plan->custom_scan_tlist) + 1,
									NULL, false));

	plan->scan.plan.targetlist = tlist;
	plan->scan.plan.qual = filtering;
	plan->scan.scanrelid = 0;
	plan->flags = path->flags;
	plan->custom_plans = custom_plans;
	plan->custom_exprs = list_make2(front_exprs, matching);
	plan->custom_private = list_make4(makeInteger(join->type),
									  makeInteger(list_length(outer->targetlist)),
									  makeInteger(join->front), kept_by_front);
	plan->methods = &plan_methods;
	return &plan->scan.plan;
}

bool
hms_join_owns(const Plan *plan)
{
	return IsA(plan, CustomScan) && ((const CustomScan *) plan)->methods == &plan_methods;
}

void
hms_join_init(void)
{
	next_hook = set_join_pathlist_hook;
	set_join_pathlist_hook = consider_join;
	RegisterCustomScanMethods(&plan_methods);
}

/* --- answers ------------------------------------------------------------------------ */

/* The hash table's entry: requests are known by 128 bits of their text. */
typedef struct Known
{
	uint64		key[2];			/* must be first */
	Answer	   *answer;
} Known;

/* What an answer without rows takes, about. */
#define ANSWER_SIZE (sizeof(Answer) + 2 * sizeof(Known))

/* The answer to this request whose rows are kept, or NULL. */
static Answer *
find_answer(const HmsJoin *join, const uint64 *key)
{
	Known	   *known = hash_search(join->answers, key, HASH_FIND, NULL);

	return known ? known->answer : NULL;
}

/* Keep the rows of this answer no longer. */
static void
forget_rows(HmsJoin *join, Answer *answer)
{
	hash_search(join->answers, answer->key, HASH_REMOVE, NULL);
	join->kept -= ANSWER_SIZE;
	answer->kept = false;
	for (int i = 0; i < answer->nrows; i++)
	{
		join->kept -= answer->rows[i]->t_len;
		pfree(answer->rows[i]);
	}
	if (answer->rows)
		pfree(answer->rows);
	answer->rows = NULL;
	answer->nrows = answer->size = 0;
}

/* Nobody reads this answer on: its reader is free for the next. */
static void
free_reader(HmsJoin *join, Answer *answer)
{
	if (answer->reader == NULL)
		return;
	hms_reader_close(answer->reader);
	join->idle = lappend(join->idle, answer->reader);
	answer->reader = NULL;
}

/* One row of the window less looks at this answer. */
static void
leave_answer(HmsJoin *join, Answer *answer)
{
	if (--answer->users > 0)
		return;
	if (answer->reader)
	{
		/* it was not read to its end, and would keep a page for whoever asks again */
		free_reader(join, answer);
		if (answer->kept)
			forget_rows(join, answer);
	}
	if (!answer->kept)
		pfree(answer);
}

/* A reader that nobody uses. */
static HmsReader *
take_reader(HmsJoin *join)
{
	ScanState  *node = &join->css.ss;
	MemoryContext old;
	HmsReader  *reader;

	if (join->idle != NIL)
	{
		reader = llast(join->idle);
		join->idle = list_delete_last(join->idle);
		return reader;
	}
	old = MemoryContextSwitchTo(node->ps.state->es_query_cxt);
	reader = hms_reader_create(node, node->ps.state, 0, &join->reading);
	join->readers = lappend(join->readers, reader);
	MemoryContextSwitchTo(old);
	return reader;
}

/* Keep a row that the reader has put into the slot, if there is room for it. */
static void
keep_row(HmsJoin *join, Answer *answer, TupleTableSlot *slot)
{
	MinimalTuple row;
	MemoryContext old;

	if (!answer->kept)
		return;
	old = MemoryContextSwitchTo(join->context);
	row = ExecCopySlotMinimalTuple(slot);
	if (answer->users < 2 && join->kept + row->t_len > (Size) work_mem * 1024)
	{
		pfree(row);
		forget_rows(join, answer);
	}
	else
	{
		if (answer->nrows == answer->size)
		{
			answer->size = Max(16, answer->size * 2);
			answer->rows = answer->rows == NULL ?
				palloc(sizeof(MinimalTuple) * answer->size) :
				repalloc_huge(answer->rows, sizeof(MinimalTuple) * answer->size);
		}
		answer->rows[answer->nrows++] = row;
		join->kept += row->t_len;
	}
	MemoryContextSwitchTo(old);
}

/* --- the window ------------------------------------------------------------------------ */

/* Fill the outer half of the scan's tuple. */
static void
put_outer(const HmsJoin *join, TupleTableSlot *slot, TupleTableSlot *outer)
{
	slot_getallattrs(outer);
	for (int i = 0; i < join->nouter; i++)
	{
		slot->tts_values[i] = outer->tts_values[i];
		slot->tts_isnull[i] = outer->tts_isnull[i];
	}
}

/* There is no inner row. */
static void
put_no_inner(const HmsJoin *join, TupleTableSlot *slot)
{
	for (int i = join->nouter; i < slot->tts_tupleDescriptor->natts; i++)
		slot->tts_isnull[i] = true;
}

/* Take a row of the outer relation into the window and ask for its answer. */
static void
ask(HmsJoin *join, TupleTableSlot *outer)
{
	TupleTableSlot *slot = join->css.ss.ss_ScanTupleSlot;
	ExprContext *econtext = join->css.ss.ps.ps_ExprContext;
	Asker	   *asker = &join->window[(join->first + join->count) % join->size];
	MemoryContext old = MemoryContextSwitchTo(join->context);
	HmsReader  *reader = take_reader(join);
	Answer	   *answer;
	Known	   *known;
	uint64		key[2];

	memset(asker, 0, sizeof(Asker));
	asker->row = ExecCopySlotMinimalTuple(outer);
	ExecForceStoreMinimalTuple(asker->row, join->newest, false);
	ExecClearTuple(slot);
	put_outer(join, slot, join->newest);
	put_no_inner(join, slot);
	ExecStoreVirtualTuple(slot);
	econtext->ecxt_scantuple = slot;
	hms_reader_open(reader, key);
	ExecClearTuple(slot);

	answer = find_answer(join, key);
	if (answer)
	{
		hms_reader_close(reader);
		join->idle = lappend(join->idle, reader);
	}
	else
	{
		answer = palloc0(sizeof(Answer));
		memcpy(answer->key, key, sizeof(key));
		answer->reader = reader;
		answer->kept = join->kept + ANSWER_SIZE <= (Size) work_mem * 1024;
		if (answer->kept)
		{
			known = hash_search(join->answers, key, HASH_ENTER, NULL);
			known->answer = answer;
			join->kept += ANSWER_SIZE;
		}
		hms_reader_ask(reader);
	}
	answer->users++;
	asker->answer = answer;
	join->count++;
	MemoryContextSwitchTo(old);
}

/* Take as many outer rows as may be asked for together. */
static void
fill_window(HmsJoin *join)
{
	PlanState  *outer = linitial(join->css.custom_ps);

	while (join->count < join->width && !join->outer_ended)
	{
		TupleTableSlot *row = ExecProcNode(outer);

		if (TupIsNull(row))
			join->outer_ended = true;
		else
		{
			ask(join, row);
			if (join->count == 1)
				ExecForceStoreMinimalTuple(join->window[join->first].row,
										   join->outer, false);
		}
	}
}

/*
 * The front row has all its rows.  Where nobody knows how much is read, each
 * row that was not enough lets twice as many be asked for together.
 */
static void
leave_front(HmsJoin *join)
{
	Asker	   *front = &join->window[join->first];

	ExecClearTuple(join->css.ss.ss_ScanTupleSlot);
	ExecClearTuple(join->outer);
	leave_answer(join, front->answer);
	pfree(front->row);
	join->first = (join->first + 1) % join->size;
	join->count--;
	join->width = Min(join->width * 2, join->size);
	join->front_done = false;
	if (join->count > 0)
		ExecForceStoreMinimalTuple(join->window[join->first].row, join->outer, false);
}

/* Put the front row's next inner row beside it; false: there is none. */
static bool
next_inner(HmsJoin *join, Asker *front, TupleTableSlot *slot)
{
	Answer	   *answer = front->answer;

	ExecClearTuple(slot);
	if (answer->kept && front->next < answer->nrows)
	{
		ExecForceStoreMinimalTuple(answer->rows[front->next++], join->stored, false);
		slot_getallattrs(join->stored);
		for (int i = join->nouter; i < slot->tts_tupleDescriptor->natts; i++)
		{
			slot->tts_values[i] = join->stored->tts_values[i];
			slot->tts_isnull[i] = join->stored->tts_isnull[i];
		}
	}
	else
	{
		if (answer->reader == NULL)
			return false;
		hms_reader_next(answer->reader, slot);
		if (TTS_EMPTY(slot))
		{
			free_reader(join, answer);
			return false;
		}
		keep_row(join, answer, slot);
		front->next++;
		slot->tts_flags |= TTS_FLAG_EMPTY;
	}
	put_outer(join, slot, join->outer);
	ExecStoreVirtualTuple(slot);
	return true;
}

/* Fill the scan's tuple with the next pair of rows that belong together. */
static bool
next_pair(HmsJoin *join, TupleTableSlot *slot)
{
	ExprContext *econtext = join->css.ss.ps.ps_ExprContext;

	for (;;)
	{
		Asker	   *front;

		if (join->front_done)
			leave_front(join);
		fill_window(join);
		if (join->count == 0)
			return false;
		front = &join->window[join->first];
		while (next_inner(join, front, slot))
		{
			CHECK_FOR_INTERRUPTS();
			econtext->ecxt_scantuple = slot;
			if (ExecQual(join->joinqual, econtext))
			{
				front->matched = true;
				join->front_done = join->type == JOIN_SEMI;
				return true;
			}
			InstrCountFiltered1(&join->css.ss.ps, 1);
			ResetExprContext(econtext);
		}
		join->front_done = true;
		if (join->type == JOIN_LEFT && !front->matched)
		{
			ExecClearTuple(slot);
			put_outer(join, slot, join->outer);
			put_no_inner(join, slot);
			ExecStoreVirtualTuple(slot);
			return true;
		}
	}
}

/* --- executing --------------------------------------------------------------------- */

static Node *
create_join(CustomScan *plan)
{
	HmsJoin    *join = (HmsJoin *) newNode(sizeof(HmsJoin), T_CustomScanState);

	join->css.methods = &exec_methods;
	join->type = intVal(list_nth(plan->custom_private, JOIN_TYPE));
	join->nouter = intVal(list_nth(plan->custom_private, OUTER_COLUMNS));
	return (Node *) join;
}

/* An empty window and no answers. */
static void
begin_window(HmsJoin *join)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(uint64[2]);
	control.entrysize = sizeof(Known);
	control.hcxt = join->context;
	join->answers = hash_create("hms answers", 64, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	join->kept = 0;
	join->window = MemoryContextAllocZero(join->context, sizeof(Asker) * join->size);
	join->first = join->count = 0;
	join->width = join->reads == HMS_READS_ALL ? join->size : 1;
	join->outer_ended = join->front_done = false;
}

static void
begin_join(CustomScanState *node, EState *estate, int eflags)
{
	HmsJoin    *join = (HmsJoin *) node;
	CustomScan *plan = (CustomScan *) node->ss.ps.plan;
	TupleDesc	desc = node->ss.ss_ScanTupleSlot->tts_tupleDescriptor;
	PlanState  *outer = ExecInitNode(linitial(plan->custom_plans), estate, eflags);
	const HmsFront *front = fronts[intVal(list_nth(plan->custom_private, FRONT))];
	List	   *kept;

	node->custom_ps = list_make1(outer);
	kept = list_nth(plan->custom_private, KEPT_BY_FRONT);
	front->reading(&join->reading, kept, list_nth(plan->custom_exprs, FRONT_EXPRS));
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		front->columns(&join->reading, kept, plan->custom_scan_tlist, join->nouter,
					   &node->ss.ps);
	dlist_init(&join->group);
	join->reading.group = &join->group;
	join->reads = join->type == JOIN_SEMI ? HMS_READS_SOME :
		hms_query_use(estate->es_plannedstmt, (Plan *) plan).reads;
	join->size = hms_max_connections;
	join->readers = list_make1(hms_reader_create(&node->ss, estate, eflags, &join->reading));
	join->idle = list_copy(join->readers);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	join->joinqual = ExecInitQual(list_nth(plan->custom_exprs, JOIN_QUALS), &node->ss.ps);
	join->outer = ExecInitExtraTupleSlot(estate, ExecGetResultType(outer), &TTSOpsMinimalTuple);
	join->newest = ExecInitExtraTupleSlot(estate, ExecGetResultType(outer), &TTSOpsMinimalTuple);
	join->stored = ExecInitExtraTupleSlot(estate, desc, &TTSOpsMinimalTuple);
	join->context = AllocSetContextCreate(estate->es_query_cxt, "hms join",
										  ALLOCSET_DEFAULT_SIZES);
	begin_window(join);
}

static TupleTableSlot *
exec_join(CustomScanState *node)
{
	HmsJoin    *join = (HmsJoin *) node;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;

	for (;;)
	{
		ResetExprContext(econtext);
		if (!next_pair(join, slot))
			return node->ss.ps.ps_ProjInfo ?
				ExecClearTuple(node->ss.ps.ps_ResultTupleSlot) : ExecClearTuple(slot);
		econtext->ecxt_scantuple = slot;
		if (!ExecQual(node->ss.ps.qual, econtext))
		{
			InstrCountFiltered2(node, 1);
			continue;
		}
		return node->ss.ps.ps_ProjInfo ? ExecProject(node->ss.ps.ps_ProjInfo) : slot;
	}
}

static void
rescan_join(CustomScanState *node)
{
	HmsJoin    *join = (HmsJoin *) node;
	PlanState  *outer = linitial(node->custom_ps);
	ListCell   *cell;

	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	ExecClearTuple(join->outer);
	ExecClearTuple(join->newest);
	ExecClearTuple(join->stored);
	foreach(cell, join->readers)
		hms_reader_close(lfirst(cell));
	list_free(join->idle);
	join->idle = list_copy(join->readers);
	MemoryContextReset(join->context);
	begin_window(join);

	if (node->ss.ps.chgParam != NULL)
		UpdateChangedParamSet(outer, node->ss.ps.chgParam);
	if (outer->chgParam == NULL)
		ExecReScan(outer);
}

static void
end_join(CustomScanState *node)
{
	HmsJoin    *join = (HmsJoin *) node;
	ListCell   *cell;

	foreach(cell, join->readers)
		hms_reader_end(lfirst(cell));
	ExecEndNode(linitial(node->custom_ps));
}

static void
explain_join(CustomScanState *node, List *ancestors, ExplainState *es)
{
	HmsJoin    *join = (HmsJoin *) node;
	List	   *targets = ((CustomScan *) node->ss.ps.plan)->custom_scan_tlist;
	Node	   *inner = list_length(targets) > join->nouter ?
		(Node *) list_nth_node(TargetEntry, targets, join->nouter)->expr : NULL;

	if (inner && IsA(inner, Var) &&
		list_nth(es->rtable_names, ((Var *) inner)->varno - 1) != NULL)
		ExplainPropertyText("Alias", list_nth(es->rtable_names, ((Var *) inner)->varno - 1), es);
	hms_reader_explain(join->readers, ancestors, es);
	ExplainPropertyInteger("Outer Rows at a Time", NULL, join->size, es);
}
